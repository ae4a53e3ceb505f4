import { beforeEach, describe, expect, it } from 'vitest'
import { entityLog, eventLog, eventOf, readAll, requestOf, topic } from '../engine/conformance/scene.ts'
import type { Engine, StoreItem } from '../engine/index.ts'
import { embeddedEngine } from '../engines/embedded/index.ts'
import { moveStore, takeStoreBack } from './index.ts'
import { embeddedStore, memoryStore, sideOf, withEngine, type TestStore } from './move.fixture.ts'

let source: TestStore
let target: TestStore
let other: TestStore

beforeEach(async (context) => {
  source = await embeddedStore(context)
  target = await embeddedStore(context)
  other = await embeddedStore(context)
  await withEngine(source.open(), (engine) => publish(engine, '1'))
})

async function publish(engine: Engine, id: string): Promise<void> {
  await engine.log.create(topic, eventLog)
  await engine.log.append(topic, [requestOf(eventOf(id))])
}

const move = (from: TestStore, to: TestStore) => moveStore({ from: sideOf(from), to: sideOf(to) })
const idsIn = (store: TestStore): Promise<string[]> =>
  withEngine(store.open(), async (engine) => (await readAll(engine)).map(({ event }) => event.id))

describe('moveStore() refuses', () => {
  it('a target that holds something, and names it; the source serves on', async () => {
    await withEngine(target.open(), async (engine) => {
      await engine.log.create({ namespace: 'blue', topic: 'a.b' }, eventLog)
      const owned = await engine.ledger.own({ namespace: 'blue', ledger: 'c.d', shard: 0 })
      await engine.ledger.commit(owned, [{ key: 'k', value: 'v' }])
    })
    const refused = move(source, target)
    await expect(refused).rejects.toMatchObject({ code: 'store-occupied' })
    await expect(refused).rejects.toThrow('it holds topic blue/a.b, ledger blue/c.d. Name an empty target')
    expect(await idsIn(source)).toEqual(['1'])
  })

  it('no target whose only content is what servers note of themselves', async () => {
    await withEngine(target.open(), async (engine) => {
      const owned = await engine.ledger.own({ namespace: '$servers', ledger: '$leader', shard: 0 })
      await engine.ledger.commit(owned, [{ key: 'leader', value: '{}' }])
      await engine.ledger.own({ namespace: 'default', ledger: '$catalog', shard: 0 })
    })
    await move(source, target)
    expect(await idsIn(target)).toEqual(['1'])
  })

  it('a store that somebody uses, on both sides', async () => {
    await withEngine(target.open(), () => expect(move(source, target)).rejects.toMatchObject({ code: 'store-locked' }))
    await withEngine(source.open(), () => expect(move(source, target)).rejects.toMatchObject({ code: 'store-locked' }))
    await move(source, target)
  })

  it('a source that was moved, and says where it is; a start of it as well', async () => {
    await move(source, target)
    await expect(source.open().start()).rejects.toMatchObject({ code: 'store-moved', details: { to: target.place } })
    await expect(move(source, target)).rejects.toThrow('already, and that has ended')
    await expect(move(source, other)).rejects.toThrow(`was moved to ${target.place}; move it on from there`)
    expect(await idsIn(target)).toEqual(['1'])
  })

  it('a target that holds what was moved elsewhere, unless that has come to the source since', async () => {
    await withEngine(other.open(), (engine) => publish(engine, 'of others'))
    await move(source, target)
    await expect(move(other, source)).rejects.toMatchObject({ code: 'store-occupied', details: { to: target.place } })
    await withEngine(target.open(), (engine) => publish(engine, '2'))
    await move(target, source)
    expect(await idsIn(source)).toEqual(['1', '2'])
    await move(source, target)
    expect(await idsIn(target)).toEqual(['1', '2'])
  })

  it('a target in which everything of another store has arrived, because that may be the only one', async () => {
    const { engine, place } = sideOf(target)
    const interrupted = { ...engine, hold: async () => ({ ...bound(await engine.hold!()), complete: failing }) }
    await expect(moveStore({ from: sideOf(source), to: { engine: interrupted, place } })).rejects.toThrow('interrupted')
    await expect(target.open().start()).rejects.toMatchObject({ code: 'store-moved' })
    await withEngine(other.open(), (from) => publish(from, 'of others'))
    await expect(move(other, target)).rejects.toMatchObject({ code: 'store-occupied', details: { from: source.place } })
    await expect(move(target, other)).rejects.toMatchObject({ code: 'store-moved' })
    expect(await move(source, target)).toMatchObject({ resumed: true, events: 1 })
    expect(await idsIn(target)).toEqual(['1'])
  })

  it('a target that does not give what it was given; the source serves on', async () => {
    const engine = embeddedEngine({ path: target.place })
    const lossy: Engine = {
      ...engine,
      async hold() {
        const held = bound(await engine.hold!())
        return { ...held, receive: (arrival, items) => held.receive(arrival, withoutRecords(items)) }
      },
    }
    const refused = moveStore({ from: sideOf(source), to: { engine: lossy, place: target.place } })
    await expect(refused).rejects.toMatchObject({ code: 'store-failed' })
    await expect(refused).rejects.toThrow('(0 events, 0 ledgers with 0 entries; 1 events, 0 ledgers with 0 entries)')
    expect(await idsIn(source)).toEqual(['1'])
    await expect(target.open().start()).rejects.toMatchObject({ code: 'store-moved' })
    await move(source, target)
    expect(await idsIn(target)).toEqual(['1'])
  })

  it('an engine that cannot be held', async () => {
    const { hold: _, ...engine } = source.open()
    const refused = moveStore({ from: { engine, place: 'here' }, to: sideOf(target) })
    await expect(refused).rejects.toMatchObject({ code: 'bad-request' })
  })
})

describe('takeStoreBack()', () => {
  it('lets a store serve that was moved, as another life', async () => {
    const before = await withEngine(source.open(), (engine) => engine.log.describe(topic))
    await expect(takeStoreBack(sideOf(source))).rejects.toMatchObject({ code: 'bad-request' })
    await move(source, target)
    await takeStoreBack(sideOf(source))
    const after = await withEngine(source.open(), (engine) => engine.log.describe(topic))
    expect(after?.continues).toEqual([{ incarnation: before?.incarnation, through: 1 }])
    expect(after?.incarnation).not.toBe(before?.incarnation)
  })
})

it('a listing that is under way begins again: its place means nothing to another engine', async () => {
  const memory = await memoryStore()
  const cursor = await withEngine(memory.open(), async (engine) => {
    await engine.log.create(topic, entityLog)
    await engine.log.append(
      topic,
      [1, 2].map((id) => requestOf(eventOf(`${id}`, { key: `k${id}` }))),
    )
    return (await engine.log.latest(topic, { limit: 1 })).next!
  })
  await move(memory, target)
  await withEngine(target.open(), async (engine) => {
    await expect(engine.log.latest(topic, { cursor, limit: 1 })).rejects.toMatchObject({ code: 'position-unknown' })
  })
})

it('a damaged event stays one, at its place, and is counted', async () => {
  const items: StoreItem[] = [
    {
      ...{
        item: 'topic',
        id: topic,
        kind: 'event',
        shards: 1,
        incarnation: '0001abc',
        continues: [],
        head: 3,
        seed: 7,
      },
      trimmed: 0,
    },
    {
      item: 'record',
      offset: 1,
      appendedAt: 5,
      shard: 0,
      stale: false,
      erased: false,
      bytesThrough: 9,
      event: eventOf('1'),
    },
    { item: 'damaged', offset: 2 },
    {
      item: 'record',
      offset: 3,
      appendedAt: 6,
      shard: 0,
      stale: false,
      erased: false,
      bytesThrough: 18,
      event: eventOf('3'),
    },
  ]
  const held = await other.open().hold!()
  await held.receive({ move: 'm', store: 's', from: 'a test' }, pageOf(items))
  await held.complete([])
  await held.release()
  expect(await move(other, target)).toMatchObject({ events: 3, topics: [{ events: 3, damaged: 1 }] })
  await withEngine(target.open(), async (engine) => {
    const { records, damaged, until } = await engine.log.read(topic, { after: 0, limit: 10 })
    expect([records.map(({ offset }) => offset), damaged, until]).toEqual([[1, 3], [2], 3])
  })
  const memory = await memoryStore()
  await expect(move(target, memory)).rejects.toMatchObject({ code: 'store-corrupt' })
})

/** The same as an object whose methods can be replaced. */
function bound(held: Awaited<ReturnType<NonNullable<Engine['hold']>>>): typeof held {
  const { standing, deduplication } = held
  return {
    ...{ standing, deduplication },
    contents: (bounds) => held.contents(bounds),
    receive: (arrival, items) => held.receive(arrival, items),
    ready: () => held.ready(),
    leave: (departure) => held.leave(departure),
    complete: (past) => held.complete(past),
    takeBack: () => held.takeBack(),
    release: () => held.release(),
  }
}

async function failing(): Promise<never> {
  throw new Error('interrupted')
}

async function* pageOf(items: readonly StoreItem[]): AsyncGenerator<readonly StoreItem[]> {
  yield items
}

async function* withoutRecords(pages: AsyncIterable<readonly StoreItem[]>): AsyncGenerator<readonly StoreItem[]> {
  for await (const items of pages) yield items.filter(({ item }) => item !== 'record')
}
