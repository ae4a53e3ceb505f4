import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Broker, PublishRequest } from '../broker/index.ts'
import { TidingsError } from '../errors.ts'
import { caller, createBench, ids, mails, type Bench, type ServiceProcess } from './bench.fixture.ts'

let bench: Bench
let service: ServiceProcess

beforeEach(async () => {
  bench = await createBench()
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
})
