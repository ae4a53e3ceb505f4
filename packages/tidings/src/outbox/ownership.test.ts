import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { caller, createBench, ids, mailEvent, mails, until, type Bench, type ServiceProcess } from './bench.fixture.ts'
import { stores } from './store.fixture.ts'

describe.each(stores)('an outbox in %s:', (kind) => {
  let bench: Bench
  let older: ServiceProcess

  beforeEach(async (test) => {
    bench = await createBench(test, { kind })
    older = await bench.process()
    await older.relay()
  })
  afterEach(() => bench.stop())

  const mail = (...names: string[]): Promise<void> => older.write({ mails: names.map((id) => ({ id, key: id[0]! })) })
  const publishedMails = async (): Promise<string[]> => ids(await bench.published(mails))
  const owns = async (process: ServiceProcess): Promise<boolean> => (await process.outbox.stats()).owner

  /** Stops calls to publish on their way, before or after the broker has stored what they carry; `go` lets the oldest go on. */
  function holdCalls(where: 'before' | 'after'): { readonly go: () => void; readonly stopped: () => Promise<void> } {
    const waiting: (() => void)[] = []
    const pause = (): Promise<void> => new Promise((resolve) => waiting.push(resolve))
    bench.faults.publish = async (_, request) => {
      if (where === 'before') await pause()
      const answers = await bench.broker.publish(caller, request)
      if (where === 'after') await pause()
      return answers
    }
    return { go: () => waiting.shift()?.(), stopped: () => until(() => waiting.length > 0) }
  }

  describe('of several processes on one database', () => {
    test('the newest relays and the others stand by', async () => {
      const newer = await bench.process()
      await newer.relay()
      await mail('a1')
      await older.relay()
      expect(await publishedMails()).toEqual([])
      await newer.relay()
      expect(await publishedMails()).toEqual(['a1'])
      expect([await owns(older), await owns(newer)]).toEqual([false, true])
    })

    test.each(['before', 'after'] as const)(
      'one that was paused %s the broker had its call changes nothing when it goes on',
      async (where) => {
        await mail('a1', 'a2')
        const { go, stopped } = holdCalls(where)
        const paused = older.outbox.tick()
        await stopped()
        delete bench.faults.publish
        const newer = await bench.process()
        await newer.relay()
        await mail('a3')
        go()
        expect(await paused).toMatchObject({ published: 0 })
        expect(await owns(older)).toBe(false)
        await newer.relay()
        expect(await publishedMails()).toEqual(['a1', 'a2', 'a3'])
        expect(await newer.outbox.stats()).toMatchObject({ pending: 0, owner: true })
      },
    )

    test('one that was replaced removes nothing from the outbox, although the broker accepted it all', async () => {
      await mail('a1', 'a2')
      const { go, stopped } = holdCalls('after')
      const paused = older.outbox.tick()
      await stopped()
      const newer = await bench.process()
      const round = newer.outbox.tick()
      go()
      await paused
      await stopped()
      expect((await newer.outbox.stats()).pending).toBe(2)
      go()
      await round
      expect((await newer.outbox.stats()).pending).toBe(0)
      expect(await publishedMails()).toEqual(['a1', 'a2'])
    })
  })

  test('one that was replaced before it read reads nothing that came after, so the newest knows all that was sent', async () => {
    const goOn: (() => void)[] = []
    bench.faults.producer = async (_, request) => {
      await new Promise<void>((resolve) => goOn.push(resolve))
      return bench.broker.producer(caller, request)
    }
    await mail('a1')
    const middle = await bench.process()
    const paused = middle.outbox.tick()
    await until(() => goOn.length === 2)
    delete bench.faults.producer
    const newest = await bench.process()
    await mail('a2')
    for (const go of goOn) go()
    await paused
    expect(await publishedMails()).toEqual([])
    await newest.relay()
    expect(await publishedMails()).toEqual(['a1', 'a2'])
    expect(bench.alarms).toEqual([])
  })

  test('one that the broker fences although its database knows of no other begins a new life above, and holds nothing', async () => {
    const producer = { id: 'crm:0', epoch: bench.environment.clock.now() + 1_000_000, counter: 1_000 }
    await bench.broker.publish(caller, { topic: mails, events: [{ event: mailEvent({ id: 'elsewhere' }), producer }] })
    await mail('a1', 'b1')
    for (let round = 0; round < 5; round++) {
      await older.relay()
      await bench.environment.advance(1_000)
    }
    expect(await publishedMails()).toEqual(['elsewhere', 'a1', 'b1'])
    expect(await older.outbox.stats()).toMatchObject({ pending: 0, held: 0, owner: true })
    expect(bench.alarms).toMatchObject([{ alarm: 'restored' }])
  })

  describe('one that stands by', () => {
    /** Time in which `process` looks again and again. */
    async function pass(process: ServiceProcess, seconds: number): Promise<void> {
      for (let second = 0; second < seconds; second++) {
        await bench.environment.advance(1_000)
        await process.outbox.tick()
      }
    }

    test('takes over when the owner has died and something waits, not before', async () => {
      const newer = await bench.process()
      await newer.relay()
      await older.relay()
      await newer.kill()
      await pass(older, 60)
      expect(await owns(older)).toBe(false)
      await mail('a1')
      let asked = 0
      bench.faults.producer = (_, request) => {
        asked += 1
        return bench.broker.producer(caller, request)
      }
      await pass(older, 9)
      expect(await publishedMails()).toEqual([])
      await pass(older, 3)
      expect(asked).toBe(2)
      expect(await publishedMails()).toEqual(['a1'])
      expect(await owns(older)).toBe(true)
    })
  })

  test('epochs grow although the clock goes back', async () => {
    bench.environment.jump(-86_400_000)
    const newer = await bench.process()
    await newer.relay()
    await mail('a1')
    await newer.relay()
    expect(await publishedMails()).toEqual(['a1'])
    await older.relay()
    expect([await owns(older), await owns(newer)]).toEqual([false, true])
  })
})
