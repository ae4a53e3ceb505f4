import { smallDisk } from '@tidings/tools/small-disk'
import { connect, TidingsError } from 'tidings'
import { allowAll, createBroker } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import { expect, it } from 'vitest'
import { openBench } from './bench.fixture.ts'
import { startServer } from './start.ts'

const caller = { namespace: 'default', principal: 'operator' }

it('a server whose disk is full says so to publishers and at /health/ready, and goes on when there is room', async (context) => {
  const { path, free } = await smallDisk(context)
  await using server = await startServer({ path: `${path}/store`, port: 0 })
  await using remote = connect(server.url)
  await remote.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  const publish = (id: string): Promise<Response> =>
    fetch(`${server.url}/v1/default/topics/shop.order/events?id=${id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: new Uint8Array(300_000),
    })
  const ready = (): Promise<Response> => fetch(`${server.url}/health/ready`)
  const stored = async (): Promise<string[]> =>
    (await remote.read(caller, { topic: 'shop.order' })).events.map(({ event }) => event.id)
  expect((await ready()).status).toBe(200)
  const acknowledged: string[] = []
  let refusal = await publish('0')
  for (let id = 1; refusal.ok; id++) {
    acknowledged.push(String(id - 1))
    refusal = await publish(String(id))
  }
  expect(acknowledged.length).toBeGreaterThan(1)
  expect(await refusal.json()).toMatchObject({
    status: 507,
    code: 'store-full',
    retryable: true,
    detail: expect.stringMatching(/no room to write to .*Free some space and try again/),
  })
  const answer = await ready()
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({
    code: 'unavailable',
    detail: expect.stringMatching(/takes nothing at present: There is no room .*Free some space/),
  })
  expect(await stored()).toEqual(acknowledged)
  expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('\ntidings_store_refusing 1\n')

  await free()
  expect((await ready()).status).toBe(200)
  const last = String(acknowledged.length)
  expect((await publish(last)).status).toBe(200)
  expect(await stored()).toEqual([...acknowledged, last])
})

it('a server whose store failed is not ready, and says why', async () => {
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  const stats = (): Promise<never> => Promise.reject(new TidingsError('store-failed', 'Look at the disk.'))
  await using bench = await openBench({ broker, engine: { stats } })
  expect((await bench.call('GET', '/health/ready')).body).toMatchObject({
    status: 503,
    detail: 'The store takes nothing at present: Look at the disk.',
  })
  expect((await bench.call('GET', '/health/live')).status).toBe(200)
})
