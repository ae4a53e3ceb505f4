import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Broker, PublishRequest } from '../broker/index.ts'
import { TidingsError } from '../errors.ts'
import { caller, createBench, customers, ids, mails, until, type Bench, type ServiceProcess } from './bench.fixture.ts'
import { stores } from './store.fixture.ts'

describe.each(stores)('an outbox in %s:', (kind) => {
  let bench: Bench
  let service: ServiceProcess

  beforeEach(async (test) => {
    bench = await createBench(test, { kind })
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

  describe('what was committed', () => {
    test('is published and removed after the answer', async () => {
      await mail('a1', 'b1', 'a2')
      expect(await pending()).toBe(3)
      onPublish(async (_, next) => {
        const answers = await next()
        expect(await pending()).toBe(3)
        return answers
      })
      expect(await service.outbox.tick()).toMatchObject({ published: 3, held: 0 })
      expect(await publishedMails()).toEqual(['a1', 'b1', 'a2'])
      expect(await pending()).toBe(0)
    })

    // SQLite gives numbers under the lock that lasts until the commit, so a later number is never committed first. What can
    // happen is that rows with lower or higher numbers are committed while the relay waits for an answer.
    test('by a transaction that stayed open while others committed and the relay ran is not skipped', async () => {
      const [other, relay] = [await bench.process(), await bench.process()]
      await mail('first')
      const gates: (() => void)[] = []
      const gate = (): Promise<void> => new Promise((resolve) => gates.push(resolve))
      onPublish(async (_, next) => {
        await gate()
        return next()
      })
      const round = relay.outbox.tick()
      await until(() => gates.length === 1)
      const late = service.database.transaction(async (transaction) => {
        const event = { id: 'late', source: '/crm', type: mails }
        await service.outbox.flush(transaction, { events: [{ topic: mails, kind: 'event', event }], changes: [] })
        await gate()
      })
      await until(() => gates.length === 2)
      const early = other.write({ mails: [{ id: 'early' }] })
      delete bench.faults.publish
      for (const open of gates) open()
      await Promise.all([round, late, early])
      await relay.relay()
      expect((await publishedMails()).toSorted()).toEqual(['early', 'first', 'late'])
      expect(await pending()).toBe(0)
    })

    test('stays when the call was lost, and is stored once when only the answer was', async () => {
      await mail('a1', 'a2')
      onPublish(() => Promise.reject(lost))
      expect(await service.outbox.tick()).toEqual({ published: 0, held: 0, more: false })
      expect(await pending()).toBe(2)
      onPublish(async (_, next) => {
        await next()
        throw lost
      })
      await bench.environment.advance(10_000)
      await service.outbox.tick()
      expect(await pending()).toBe(2)
      delete bench.faults.publish
      await bench.environment.advance(10_000)
      await service.outbox.tick()
      expect(await pending()).toBe(0)
      expect(await publishedMails()).toEqual(['a1', 'a2'])
    })

    test('is published again before anything later of its topic, when nothing is known of it', async () => {
      const calls: string[][] = []
      onPublish(async ({ events }, next) => {
        calls.push(events.map(({ event }) => event.id))
        if (calls.length === 1) throw lost
        return next()
      })
      await mail('a1', 'b1')
      await service.outbox.tick()
      await mail('a2')
      await bench.environment.advance(10_000)
      await service.relay()
      expect(calls[1]!.slice(0, 2)).toEqual(calls[0])
      expect(calls.slice(1).flat()).toEqual(['a1', 'b1', 'a2'])
    })

    test('is published with the number of its row as the counter of one producer', async () => {
      const stamps: unknown[] = []
      onPublish(({ events }, next) => {
        stamps.push(...events.map(({ producer }) => producer))
        return next()
      })
      await mail('a1', 'a2')
      await service.relay()
      const epoch = bench.environment.clock.now()
      expect(stamps).toEqual([1, 2].map((counter) => ({ id: 'crm:0', epoch, counter })))
    })

    test('goes out in calls of a limited size, the largest event by itself', async () => {
      const calls: number[] = []
      const limited = await bench.process({ batchRows: 3, batchBytes: 3_000 })
      onPublish(({ events }, next) => {
        calls.push(events.length)
        return next()
      })
      await mail('a1', 'a2', 'a3', 'a4')
      await service.write({ mails: [{ id: 'b1', text: 'x'.repeat(10_000) }, { id: 'b2' }] })
      await limited.relay()
      expect(calls).toEqual([3, 1, 1, 1])
      expect(await publishedMails()).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2'])
    })
  })

  describe('a transaction that somebody else keeps open', () => {
    test('reading, stalls nothing', async () => {
      const other = await bench.store.connect()
      await other.run('begin')
      await other.run(kind === 'sqlite' ? 'select * from tidings_outbox' : 'select * from tidings.outbox')
      await mail('a1', 'a2')
      await service.relay()
      expect(await publishedMails()).toEqual(['a1', 'a2'])
      expect(await pending()).toBe(0)
      await other.run('commit')
      await other.close()
    })

    test('writing, delays at most what the relay writes down, and nothing is published twice', async () => {
      service = await bench.process({ busyTimeoutMs: 50 })
      await service.relay()
      await mail('a1', 'a2')
      const other = await bench.store.connect()
      await other.run(kind === 'sqlite' ? 'begin immediate' : 'begin; update tidings.outbox_relay set beat = beat')
      for (let round = 0; round < 3; round++) {
        await expect(service.outbox.tick()).rejects.toMatchObject({ code: 'database-busy' })
        await bench.environment.advance(10_000)
      }
      expect(bench.alarms).toMatchObject([{ alarm: 'database-failing' }])
      await other.run('commit')
      await other.close()
      await service.relay()
      expect(await publishedMails()).toEqual(['a1', 'a2'])
      expect(await pending()).toBe(0)
    })
  })

  describe('a topic that fails', () => {
    test('holds up no other topic, tells somebody, and is caught up with', async () => {
      await bench.broker.removeTopic(caller, mails)
      await mail('a1')
      await service.write({ customers: { a: 'Ann' } })
      await service.relay()
      expect(await bench.published(customers)).toHaveLength(1)
      expect(bench.alarms).toMatchObject([{ alarm: 'failing', topic: mails, error: { code: 'topic-unknown' } }])
      await bench.broker.putTopic(caller, { topic: mails, kind: 'event', owner: 'crm' })
      await bench.environment.advance(10_000)
      await service.relay()
      expect(await publishedMails()).toEqual(['a1'])
    })

    test('because it never answers is given up after a time, and its late answer changes nothing', async () => {
      let answer: (() => void) | undefined
      onPublish(async (_, next) => {
        await new Promise<void>((resolve) => (answer = resolve))
        return next()
      })
      await mail('a1')
      const round = service.outbox.tick()
      await until(() => answer !== undefined)
      await bench.environment.advance(30_000)
      expect(await round).toMatchObject({ published: 0 })
      delete bench.faults.publish
      await bench.environment.advance(10_000)
      await service.relay()
      answer!()
      await bench.environment.advance(1)
      expect(await publishedMails()).toEqual(['a1'])
      expect(await pending()).toBe(0)
    })

    test('because a call holds too much gets smaller calls, until only what cannot pass is held', async () => {
      onPublish(async ({ events }, next) => {
        if (events.length > 2 || events.some(({ event }) => event.id === 'c1'))
          throw new TidingsError('payload-too-large', 'too much')
        return next()
      })
      await mail('a1', 'b1', 'c1', 'c2', 'd1')
      for (let round = 0; round < 20; round++) {
        await service.relay()
        await bench.environment.advance(10_000)
      }
      expect(await publishedMails()).toEqual(['a1', 'b1', 'd1'])
      expect((await service.outbox.held()).map(({ event, code }) => `${event!.id} ${code}`)).toEqual([
        'c1 payload-too-large',
        'c2 behind-refused',
      ])
    })
  })
})
