import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PublishAnswer } from '../broker/index.ts'
import { caller, createBench, customers, ids, mails, type Bench, type ServiceProcess } from './bench.fixture.ts'
import { stores } from './store.fixture.ts'

describe.each(stores)('an outbox in %s:', (kind) => {
  let bench: Bench
  let service: ServiceProcess
  /** What the broker does not take at present, by id. */
  let poison: Set<string>

  beforeEach(async (test) => {
    bench = await createBench(test, { kind })
    service = await bench.process()
    poison = new Set()
    await bench.broker.putTopic(caller, { topic: mails, kind: 'event', owner: 'crm' })
    bench.faults.publish = refusing
  })
  afterEach(() => bench.stop())

  /** Publishes as the broker does, up to the first poisoned event: what follows of its producer is refused behind it. */
  async function refusing(...[, request]: Parameters<Bench['broker']['publish']>): Promise<readonly PublishAnswer[]> {
    const first = request.events.findIndex(({ event }) => poison.has(event.id))
    if (first < 0) return bench.broker.publish(caller, request)
    const accepted =
      first === 0 ? [] : await bench.broker.publish(caller, { ...request, events: request.events.slice(0, first) })
    const behind = request.events
      .slice(first + 1)
      .map(() => ({ status: 'refused', code: 'behind-refused', message: 'behind' }) as const)
    return [
      ...accepted,
      { status: 'refused', code: 'schema-violation', message: '/text must be a string\0\ud800' },
      ...behind,
    ]
  }

  /** Mails whose key is the first letter of their id; a digit has none. */
  const mail = (...names: string[]): Promise<void> =>
    service.write({ mails: names.map((id) => (/\d/.test(id[0]!) ? { id } : { id, key: id[0]! })) })
  const publishedMails = async (): Promise<string[]> => ids(await bench.published(mails))
  const heldMails = async (): Promise<string[]> =>
    (await service.outbox.held()).map(({ event, code }) => `${event!.id} ${code}`)

  describe('a refused event', () => {
    test('in the middle holds up its own key in order, and nobody else', async () => {
      poison.add('a2')
      await mail('a1', 'b1', 'a2', 'b2', 'a3', '1', 'b3')
      await service.write({ customers: { a: 'Ann' } })
      await service.relay()
      expect(await publishedMails()).toEqual(['a1', 'b1', 'b2', '1', 'b3'])
      expect(await bench.published(customers)).toHaveLength(1)
      expect(await heldMails()).toEqual(['a2 schema-violation', 'a3 behind-refused'])
      expect(await service.outbox.stats()).toMatchObject({ pending: 0, held: 2 })
    })

    test('is told about, with its topic, key and reason', async () => {
      poison.add('a1')
      await mail('a1')
      await service.relay()
      expect(bench.alarms).toMatchObject([{ alarm: 'held', topic: mails, key: 'a', id: 1, code: 'schema-violation' }])
      expect(bench.alarms[0]!.message).toContain('/text must be a string')
      expect((await service.outbox.held())[0]).toMatchObject({
        topic: mails,
        key: 'a',
        heldAt: bench.environment.clock.now(),
      })
    })

    test('without a key holds up nothing', async () => {
      poison.add('1')
      await mail('1', '2', 'a1')
      await service.relay()
      expect(await publishedMails()).toEqual(['2', 'a1'])
      expect(await heldMails()).toEqual(['1 schema-violation'])
    })

    test('keeps back what is written of its key later', async () => {
      poison.add('a1')
      await mail('a1')
      await service.relay()
      await mail('a2', 'b1')
      await service.relay()
      expect(await publishedMails()).toEqual(['b1'])
      expect(await heldMails()).toEqual(['a1 schema-violation', 'a2 behind-refused'])
    })

    test('that is many are each held, in as many rounds', async () => {
      for (const key of 'abcdefgh') poison.add(`${key}2`)
      await mail(...Array.from('abcdefgh').flatMap((key) => [`${key}1`, `${key}2`, `${key}3`]))
      await service.relay()
      expect(await publishedMails()).toEqual(Array.from('abcdefgh').map((key) => `${key}1`))
      expect(await service.outbox.stats()).toMatchObject({ pending: 0, held: 16 })
    })
  })

  describe('release()', () => {
    test('publishes what was held of a key in its order, although later events have gone before', async () => {
      poison.add('a1')
      await mail('a1', 'a2', 'b1')
      await service.relay()
      await mail('a3', 'b2')
      await service.relay()
      poison.clear()
      await mail('a4')
      expect(await service.outbox.release({ topic: mails, key: 'a' })).toBe(kind === 'sqlite' ? 4 : 3)
      await mail('a5')
      await service.relay()
      expect(await publishedMails()).toEqual(['b1', 'b2', 'a1', 'a2', 'a3', 'a4', 'a5'])
      expect(await service.outbox.stats()).toMatchObject({ pending: 0, held: 0 })
    })

    test('of what is refused again holds it again', async () => {
      poison.add('a1')
      await mail('a1', 'a2')
      await service.relay()
      expect(await service.outbox.release({ topic: mails, key: 'a' })).toBe(2)
      await service.relay()
      expect(await publishedMails()).toEqual([])
      expect(await heldMails()).toEqual(['a1 schema-violation', 'a2 behind-refused'])
    })

    test('while the relay is in the middle of a call keeps the order of the key', async () => {
      poison.add('a1')
      await mail('a1')
      await service.relay()
      poison.clear()
      await mail('b1', 'a2')
      bench.faults.publish = async (_, request) => {
        const answers = await bench.broker.publish(caller, request)
        expect(await service.outbox.release({ topic: mails, key: 'a' })).toBe(kind === 'sqlite' ? 2 : 1)
        delete bench.faults.publish
        return answers
      }
      await service.relay()
      await service.relay()
      expect(await publishedMails()).toEqual(['b1', 'a1', 'a2'])
      expect(await service.outbox.stats()).toMatchObject({ pending: 0, held: 0 })
    })

    test('releases events without a key, and nothing of a key of which nothing is held', async () => {
      poison.add('1')
      await mail('1', 'a1')
      await service.relay()
      poison.clear()
      await mail('a2')
      expect(await service.outbox.release({ topic: mails, key: 'a' })).toBe(0)
      expect(await service.outbox.release({ topic: mails, key: null })).toBe(1)
      await service.relay()
      const published = await publishedMails()
      expect(published.filter((id) => id !== '1')).toEqual(['a1', 'a2'])
      expect(published).toContain('1')
    })
  })

  test('discard() gives one held event up, and the rest follows when it is released', async () => {
    poison.add('a1')
    await mail('a1', 'a2')
    await service.relay()
    const [first] = await service.outbox.held()
    expect(await service.outbox.discard(first!.id)).toBe(true)
    expect(await service.outbox.discard(first!.id)).toBe(false)
    await mail('a3')
    await service.relay()
    expect(await publishedMails()).toEqual([])
    await service.outbox.release({ topic: mails, key: 'a' })
    await service.relay()
    expect(await publishedMails()).toEqual(['a2', 'a3'])
  })

  test('a row whose bytes are damaged is held with its key, and the others go on', async () => {
    await mail('a1', 'a2', 'b1')
    const damage =
      kind === 'sqlite'
        ? "update tidings_outbox set event = x'07' where id = 1"
        : "update tidings.outbox_1 set event = '\\x07' where id = 1"
    await service.database.transaction((transaction) => transaction.query(damage))
    await service.relay()
    expect(await publishedMails()).toEqual(['b1'])
    expect((await service.outbox.held()).map(({ event, code }) => `${event?.id} ${code}`)).toEqual([
      'undefined store-corrupt',
      'a2 behind-refused',
    ])
  })

  test('held() lists in pages', async () => {
    poison.add('a1')
    await mail('a1', 'a2', 'a3')
    await service.relay()
    const first = await service.outbox.held({ limit: 2 })
    expect(first.map(({ id }) => id)).toEqual([1, 2])
    expect((await service.outbox.held({ after: 2, limit: 2 })).map(({ id }) => id)).toEqual([3])
  })

  test('the broker itself refuses a poisoned event of a schema and takes the others', async () => {
    delete bench.faults.publish
    await service.write({
      mails: [
        { id: 'a1', key: 'a' },
        { id: 'a2', key: 'a', text: 'x'.repeat(2_000_000) },
        { id: 'a3', key: 'a' },
        { id: 'b1', key: 'b' },
      ],
    })
    await service.relay()
    expect(await publishedMails()).toEqual(['a1', 'b1'])
    expect(await heldMails()).toEqual(['a2 payload-too-large', 'a3 behind-refused'])
  })
})
