import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Broker, PublishRequest } from '../broker/index.ts'
import { TidingsError } from '../errors.ts'
import { caller, createBench, ids, mails, type Bench, type ServiceProcess } from './bench.fixture.ts'

let bench: Bench
let service: ServiceProcess

beforeEach(async (test) => {
  bench = await createBench(test)
  service = await bench.process()
})
afterEach(() => bench.stop())

const lost = new TidingsError('unavailable', 'the connection was lost')
const mail = (...names: string[]): Promise<void> => service.write({ mails: names.map((id) => ({ id, key: id[0]! })) })
const publishedMails = async (): Promise<string[]> => ids(await bench.published(mails))
const pending = async (): Promise<number> => (await service.outbox.stats()).pending

/** Replaces publish; `next` is the broker's own. */
function onPublish(
  publish: (request: PublishRequest, next: () => ReturnType<Broker['publish']>) => ReturnType<Broker['publish']>,
): void {
  bench.faults.publish = (_, request) => publish(request, () => bench.broker.publish(caller, request))
}

describe('the loop', () => {
  test('publishes as soon as it is woken', async () => {
    await service.outbox.start()
    await bench.environment.advance(0)
    await mail('a1')
    service.outbox.wake()
    await bench.environment.advance(0)
    expect(await publishedMails()).toEqual(['a1'])
  })

  test('that is woken in the middle of a round makes another one at once', async () => {
    await service.outbox.start()
    const goOn: (() => void)[] = []
    onPublish(async (_, next) => {
      await new Promise<void>((resolve) => goOn.push(resolve))
      return next()
    })
    await mail('a1')
    service.outbox.wake()
    await bench.environment.advance(0)
    await mail('a2')
    service.outbox.wake()
    delete bench.faults.publish
    goOn[0]!()
    await bench.environment.advance(0)
    expect(await publishedMails()).toEqual(['a1', 'a2'])
  })

  test('finds what nobody told it, within the poll interval', async () => {
    await service.outbox.start()
    await bench.environment.advance(0)
    await mail('a1')
    await bench.environment.advance(100)
    expect(await publishedMails()).toEqual([])
    await bench.environment.advance(100)
    expect(await publishedMails()).toEqual(['a1'])
  })

  test('looks less often where nothing has come for a while, and often again once something has', async () => {
    await service.outbox.start()
    await bench.environment.advance(30_000)
    await mail('a1')
    await bench.environment.advance(1_000)
    expect(await publishedMails()).toEqual(['a1'])
    await mail('a2')
    await bench.environment.advance(200)
    expect(await publishedMails()).toEqual(['a1', 'a2'])
    const looks = vi.spyOn(service.database, 'query')
    await bench.environment.advance(30_000)
    looks.mockClear()
    await bench.environment.advance(60_000)
    expect(new Set(looks.mock.calls.map(([text]) => text)).size).toBeGreaterThan(0)
    expect(looks.mock.calls.filter(([text]) => /recursive found/.test(text))).toHaveLength(60)
  })

  test('starts and stops any number of times, and stop() finishes what is in flight', async () => {
    await Promise.all([service.outbox.start(), service.outbox.start()])
    await service.outbox.start()
    let answer = (): void => {}
    onPublish(async (_, next) => {
      await new Promise<void>((resolve) => (answer = resolve))
      return next()
    })
    await mail('a1')
    service.outbox.wake()
    await bench.environment.advance(0)
    const stopping = Promise.all([service.outbox.stop(), service.outbox[Symbol.asyncDispose]()])
    answer()
    await stopping
    await service.outbox.stop()
    expect(await pending()).toBe(0)
    await service.outbox.start()
    delete bench.faults.publish
    await mail('a2')
    await bench.environment.advance(200)
    expect(await publishedMails()).toEqual(['a1', 'a2'])
  })

  test('stop() does not wait for ever for a broker that hangs', async () => {
    onPublish(() => new Promise(() => {}))
    await service.outbox.start()
    await mail('a1')
    service.outbox.wake()
    await bench.environment.advance(0)
    let stopped = false
    const stopping = service.outbox.stop().then(() => (stopped = true))
    await bench.environment.advance(500)
    expect(stopped).toBe(false)
    await bench.environment.advance(500)
    await stopping
  })
})

describe('somebody is told', () => {
  const unsent = (): number[] => bench.alarms.flatMap((alarm) => (alarm.alarm === 'unsent' ? [alarm.pending] : []))

  test.each([
    ['rejects', () => Promise.reject(lost)],
    ['hangs', () => new Promise<never>(() => {})],
  ])('within minutes when the broker %s for days, and once', async (_, publish) => {
    onPublish(publish)
    await service.outbox.start()
    await mail('a1', 'a2')
    await bench.environment.advance(59_000)
    expect(unsent()).toEqual([])
    await bench.environment.advance(16_000)
    expect(unsent()).toEqual([2])
    expect((await service.outbox.stats()).oldestUnsentMs).toBe(75_000)
    await bench.environment.advance(200_000)
    expect(unsent()).toEqual([2])
    delete bench.faults.publish
    await bench.environment.advance(60_000)
    expect(await service.outbox.stats()).toMatchObject({ pending: 0, oldestUnsentMs: 0 })
    onPublish(publish)
    await mail('a3')
    await bench.environment.advance(80_000)
    expect(unsent()).toEqual([2, 1])
  })

  test('tries a topic that fails less and less often', async () => {
    let calls = 0
    onPublish(() => {
      calls += 1
      return Promise.reject(lost)
    })
    await mail('a1')
    await service.outbox.start()
    for (let second = 0; second < 60; second++) {
      service.outbox.wake()
      await bench.environment.advance(1_000)
    }
    expect(calls).toBeGreaterThan(5)
    expect(calls).toBeLessThan(20)
    delete bench.faults.publish
    await bench.environment.advance(10_000)
    expect(await publishedMails()).toEqual(['a1'])
  })

  test('does not ask a broker in a hot loop that takes nothing and says nothing of use', async () => {
    let calls = 0
    onPublish(async ({ events }) => {
      calls += 1
      return events.map(() => ({ status: 'refused', code: 'behind-refused', message: 'behind' }))
    })
    await mail('a1')
    await service.outbox.start()
    await bench.environment.advance(30_000)
    expect(calls).toBeGreaterThan(3)
    expect(calls).toBeLessThan(15)
    expect(await pending()).toBe(1)
  })

  test('keeps its ownership although the clock jumps, or who stands by was paused', async () => {
    const newer = await bench.process({ pollMs: 2_000 })
    const owners = async (): Promise<boolean[]> =>
      Promise.all([service, newer].map(async ({ outbox }) => (await outbox.stats()).owner))
    await newer.outbox.start()
    await bench.environment.advance(0)
    bench.faults.publish = () => Promise.reject(lost)
    await mail('a1')
    for (let second = 0; second < 2; second++) {
      await bench.environment.advance(1_000)
      await service.outbox.tick()
    }
    bench.environment.jump(86_400_000)
    await service.outbox.tick()
    expect(await owners()).toEqual([false, true])
    await bench.environment.advance(600_000)
    await service.outbox.tick()
    expect(await owners()).toEqual([false, true])
  })

  test('of a living owner keeps others from taking over, however long the broker is away', async () => {
    const newer = await bench.process()
    bench.faults.publish = () => Promise.reject(lost)
    await newer.outbox.start()
    await mail('a1')
    for (let second = 0; second < 60; second++) {
      await bench.environment.advance(1_000)
      await service.outbox.tick()
    }
    expect((await newer.outbox.stats()).owner).toBe(true)
    delete bench.faults.publish
    await bench.environment.advance(15_000)
    expect(await publishedMails()).toEqual(['a1'])
  })
})
