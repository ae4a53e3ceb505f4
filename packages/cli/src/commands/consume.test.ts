import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer } from '@tidings/server'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

let scenes = 0
async function scene(events: number, size = 0): Promise<{ topic: string; subscription: string }> {
  const { broker, caller } = bench
  const topic = `shop.scene-${(scenes += 1)}`
  const subscription = `mail.scene-${scenes}`
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  await publish(topic, events, size)
  return { topic, subscription }
}

async function publish(topic: string, count: number, size = 0): Promise<void> {
  const data = new TextEncoder().encode(JSON.stringify('x'.repeat(size)))
  const events = Array.from({ length: count }, (_, index) => ({
    event: { id: `e${index}`, source: 'shop', type: topic, key: `k${index % 2}`, data },
  }))
  await bench.broker.publish(bench.caller, { topic, events })
}

describe('consume without --ack', () => {
  test('shows deliveries and hands them back unattempted', async () => {
    const { subscription } = await scene(5)
    const { code, stdout, stderr } = await bench.tidings('consume', subscription, '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('--ack') })
    const shown = jsonLines(stdout)
    expect(shown).toHaveLength(5)
    expect(shown[0]).toEqual({
      position: expect.any(String),
      appendedAt: expect.any(Number),
      generation: 1,
      attempt: 1,
      event: expect.objectContaining({ id: 'e0', partitionkey: 'k0' }),
    })
    expect(await bench.broker.stats(bench.caller, subscription)).toMatchObject({
      pending: 5,
      leased: 0,
      acknowledged: 0,
    })
    expect(jsonLines((await bench.tidings('consume', subscription, '--json')).stdout)).toEqual(shown)
  })

  test('shows at most --max', async () => {
    const { subscription } = await scene(5)
    const { stdout } = await bench.tidings('consume', subscription, '--max', '2', '--quiet')
    expect(stdout.trimEnd().split('\n')).toHaveLength(2)
  })
})

describe('consume --ack', () => {
  test('acknowledges what it printed and ends when there is no more', async () => {
    const { subscription } = await scene(7)
    expect(
      jsonLines((await bench.tidings('consume', subscription, '--ack', '--json', '--max', '3')).stdout),
    ).toHaveLength(3)
    expect(await bench.broker.stats(bench.caller, subscription)).toMatchObject({ acknowledged: 3, leased: 0 })
    const { stdout } = await bench.tidings('consume', subscription, '--ack')
    expect(stdout.trimEnd().split('\n')).toHaveLength(4)
    expect(await bench.broker.stats(bench.caller, subscription)).toMatchObject({ acknowledged: 7, pending: 0 })
    const { code, stdout: nothing, stderr } = await bench.tidings('consume', subscription, '--ack')
    expect({ code, stdout: nothing, stderr }).toEqual({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('at the end'),
    })
  })

  test('keeps what a reader that went away has not got', async () => {
    // More than a pipe holds, so that the end of the reader is noticed.
    const { subscription } = await scene(100, 10_000)
    const running = bench.start(['consume', subscription, '--ack', '--json'])
    running.child.stdout!.once('data', () => running.child.stdout!.destroy())
    const { code, stderr } = await running.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { acknowledged, pending, leased } = await bench.broker.stats(bench.caller, subscription)
    expect(acknowledged).toBeLessThan(100)
    expect({ open: acknowledged + pending, leased }).toEqual({ open: 100, leased: 0 })
  })

  test('--follow goes on with what comes and ends in good order when interrupted', async () => {
    const { topic, subscription } = await scene(1)
    const running = bench.start(['consume', subscription, '--ack', '--follow', '--json'])
    await running.printed(/"id":"e0"/)
    await bench.tidings('publish', topic, '1', '--id', 'later')
    await running.printed(/"id":"later"/)
    running.child.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
    expect(await bench.broker.stats(bench.caller, subscription)).toMatchObject({ acknowledged: 2, pending: 0 })
  })

  test('says why nothing comes', async () => {
    const { subscription } = await scene(1)
    await bench.broker.pull(bench.caller, { subscription, waitMs: 5_000 })
    const { code, stdout, stderr } = await bench.tidings('consume', subscription, '--ack')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain('1 event pending (1 leased by other consumers')
  })
})

describe.each([
  ['consume', ['consume', 'mail.again', '--ack', '--follow', '--json']],
  ['topics read', ['topics', 'read', 'shop.again', '--follow', '--json']],
])('%s --follow', (name, words) => {
  test('says once that the server is away, from the beginning as well, and goes on when it is there', async () => {
    const path = join(bench.folder, name.replace(' ', '-'))
    const first = await startServer({ path, port: 0 })
    const { broker, url } = first
    await broker.putTopic(bench.caller, { topic: 'shop.again', kind: 'event', owner: 'shop' })
    await broker.putSubscription(bench.caller, { subscription: 'mail.again', topic: 'shop.again', from: 'beginning' })
    await first.stop()
    const running = bench.start(words, { variables: { TIDINGS_URL: url } })
    await running.printed(/Trying until it is back/)
    for (const id of ['one', 'two']) {
      const server = await startServer({ path, port: Number(new URL(url).port) })
      const event = { id, source: 'shop', type: 'shop.again' }
      await server.broker.publish(bench.caller, { topic: 'shop.again', events: [{ event }] })
      await running.printed(new RegExp(`"id":"${id}"`))
      const leased = async () => (await server.broker.stats(bench.caller, 'mail.again')).leased
      while ((await leased()) > 0) await new Promise((resolve) => setImmediate(resolve))
      await server.stop()
    }
    running.child.kill('SIGTERM')
    const { code, stdout } = await running.ended
    expect(code).toBe(0)
    expect(jsonLines(stdout).map(({ event }) => (event as { id: string }).id)).toEqual(['one', 'two'])
  })
})
