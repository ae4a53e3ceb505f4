import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'tidings'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

describe('alarms', () => {
  test('are listed while they last, and told to the webhook', { timeout: 60_000 }, async () => {
    const told = new Promise<string>((resolve) => {
      webhook.on('request', (request, response) => {
        void request
          .setEncoding('utf8')
          .toArray()
          .then((parts) => resolve(parts.join('')))
        response.end()
      })
    })
    await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve))
    const { port } = webhook.address() as AddressInfo
    const address = `http://127.0.0.1:${port}/alarms`
    const running = bench.start(['server', '--port', '0', '--engine', 'memory', '--alarm-webhook', address])
    const [, url = ''] = await running.printed(/listening on (\S+)\n/)
    expect(await bench.tidings('alarms', '--url', url)).toMatchObject({ code: 0, stdout: '' })
    await deadLetter(url)
    expect(JSON.parse(await told)).toMatchObject({ change: 'raised', alarm: 'dead-letters', subscription: 'mail.x' })
    const { stdout } = await bench.tidings('alarms', '--json', '--url', url)
    expect(jsonLines(stdout)).toMatchObject([{ alarms: [{ alarm: 'dead-letters', subscription: 'mail.x' }] }])
    const shown = await bench.tidings('alarms', '--url', url)
    expect(shown.stdout).toMatch(/SINCE +ALARM +WHAT\n20\S+ +dead-letters +mail\.x has dead letters/)
    running.child.kill('SIGTERM')
    expect((await running.ended).stderr).toMatch(/Alarm: mail\.x has dead letters/)
    webhook.close()
  })

  test('are told to no address that is none', async () => {
    const refused = await bench.run(['server', '--engine', 'memory', '--port', '0', '--alarm-webhook', 'pager'])
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--alarm-webhook needs an address') })
  })
})

const webhook = createServer()

async function deadLetter(url: string): Promise<void> {
  const broker = connect(url, { WebSocket: null })
  const caller = { namespace: 'default', principal: 'operator' }
  await broker.putTopic(caller, { topic: 'a.b', kind: 'event', owner: 'a' })
  await broker.putSubscription(caller, { subscription: 'mail.x', topic: 'a.b', from: 'beginning' })
  await broker.publish(caller, { topic: 'a.b', events: [{ event: { id: '1', source: 'a', type: 'x' } }] })
  const { deliveries } = await broker.pull(caller, { subscription: 'mail.x', waitMs: 5_000 })
  const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'dead-letter' as const, reason: 'no' }))
  await broker.settle(caller, { subscription: 'mail.x', outcomes })
  await broker.stop()
}
