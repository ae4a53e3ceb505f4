import type { Engine, LedgerId, LogRecord, TopicId } from '../port.ts'
import type { HeldStore, IdentityBounds, StoreItem } from '../transfer.ts'
import { bytesOf, entityLog, eventLog, eventOf, listLatest, readAll, requestOf, tombstoneOf, topic } from './scene.ts'

// A store with some of everything, and everything that can be seen of it.

const notes: TopicId = { namespace: 'default', topic: 'crm.note' }
const empty: TopicId = { namespace: 'default-2', topic: 'crm.note' }
const gone: TopicId = { namespace: 'default', topic: 'crm.done' }
const topics = [topic, notes, empty, gone]

const kept: LedgerId = { namespace: 'default', ledger: 'sales.mail', shard: 0 }
const second: LedgerId = { ...kept, shard: 1 }
const removed: LedgerId = { ...kept, ledger: 'sales.removed' }
const ledgers = [kept, second, removed]

const producers = ['outbox-0', 'outbox/1', '\u{1f680}']
const keys = ['a', 'b', 'c/d', 'ü', '\u{1f680}', 'k\u0000']

/** Some of everything that an engine can be asked to keep; `advance` moves its clock on. */
export async function fillWholeStore(engine: Engine, advance: (milliseconds: number) => void): Promise<void> {
  await fillCustomers(engine, advance)
  await fillNotes(engine, advance)
  await engine.log.create(gone, eventLog)
  await engine.log.remove(gone)
  await engine.log.create(gone, eventLog)
  await engine.log.append(gone, [requestOf(eventOf('g1')), requestOf(eventOf('g2'))])
  await engine.log.trim(gone, 2)
  await engine.log.create(empty, { kind: 'task', shards: 2 })
  const owned = await engine.ledger.own(kept, { address: '10.0.0.1:7070' })
  await engine.ledger.own(second)
  const entries = Array.from({ length: 30 }, (_, index) => ({ key: `e.${index}`, value: `${index} ü \u{1f680}` }))
  await engine.ledger.commit(owned, entries)
  await engine.ledger.own(removed)
  await engine.ledger.own(removed)
  await engine.ledger.remove(removed)
}

/** Newest events, some of which a trim has passed; a tombstone of which the version is left; what is stale, or erased. */
async function fillCustomers(engine: Engine, advance: (milliseconds: number) => void): Promise<void> {
  await engine.log.create(topic, entityLog)
  for (const [index, key] of keys.entries()) {
    const event = eventOf(`1-${key}`, { key, sequence: '7', sourceepoch: index })
    await engine.log.append(topic, [
      { event, shard: index % 4, producer: { id: producers[index % 2]!, epoch: 2, counter: index + 1 } },
    ])
  }
  await engine.log.append(topic, [requestOf(tombstoneOf('2-b', { key: 'b', sequence: '8', sourceepoch: 9 }))])
  await engine.log.append(topic, [requestOf(eventOf('2-a', { key: 'a', sequence: '8' }))])
  advance(1_000)
  await engine.log.trim(topic, 8, { keep: [1], tombstonesBefore: Number.MAX_SAFE_INTEGER })
  const stale = eventOf('0-a', { key: 'a', sequence: '6' })
  const replaced = eventOf('3-a', { key: 'a', sequence: '9', subject: 'red', extensions: { number: 5, truth: true } })
  await engine.log.append(
    topic,
    [stale, replaced, eventOf('x')].map((event) => requestOf(event)),
  )
  await engine.log.append(topic, [requestOf(eventOf('2-ü', { key: 'ü', sequence: '8' }))])
  await engine.log.erase(topic, 'ü')
}

async function fillNotes(engine: Engine, advance: (milliseconds: number) => void): Promise<void> {
  await engine.log.create(notes, eventLog)
  for (let index = 1; index <= 12; index++) {
    advance(1_000)
    const event = eventOf(`n${index}`, { data: bytesOf('x'.repeat(index * 40)), key: keys[index % 3]! })
    await engine.log.append(notes, [
      { event, shard: index % 4, producer: { id: producers[2]!, epoch: 1, counter: index } },
    ])
  }
  await engine.log.trim(notes, 7, { keep: [3, 5] })
}

/** Everything that can be seen of it through the port without changing anything. */
export async function lookAtWholeStore(engine: Engine): Promise<unknown> {
  const seen: unknown[] = []
  for (const id of topics) {
    const { deduplication: _, ...description } = (await engine.log.describe(id))!
    const sums = await Promise.all([0, 50, 400, 1_500, 100_000].map((bytes) => engine.log.offsetBehind(id, bytes)))
    const stamps = await Promise.all(producers.map((producer) => engine.log.producer(id, producer)))
    seen.push({ id, description, records: await readAll(engine, id), stamps, sums })
  }
  seen.push(byOffset(await listLatest(engine, 2)))
  for (const id of ledgers) seen.push([await engine.ledger.owner(id), await engine.ledger.load(id, {}, 100)])
  return seen
}

function byOffset(records: readonly LogRecord[]): readonly LogRecord[] {
  return records.toSorted((left, right) => left.offset - right.offset)
}

/** What becomes of events that were published before, and of the next ones, in words. */
export async function goOnWithWholeStore(engine: Engine): Promise<unknown> {
  const again = (id: string, attributes = {}) => [requestOf(eventOf(id, attributes))]
  const answers = {
    trimmed: await engine.log.append(topic, again('1-b', { key: 'b', sequence: '7', sourceepoch: 1 })),
    present: await engine.log.append(topic, again('x')),
    erased: await engine.log.append(topic, again('1-ü', { key: 'ü' })),
    conflict: await engine.log.append(topic, again('x', { data: bytesOf('other') })),
    fenced: await engine.log.append(topic, [requestOf(eventOf('late'), { id: producers[0]!, epoch: 1, counter: 99 })]),
    counted: await engine.log.append(notes, [
      requestOf(eventOf('other'), { id: producers[2]!, epoch: 1, counter: 12 }),
    ]),
    goneTombstone: await engine.log.append(topic, again('3-b', { key: 'b', sequence: '7', sourceepoch: 9 })),
    next: await engine.log.append(topic, again('4-a', { key: 'a', sequence: '10' })),
    nextNote: await engine.log.append(notes, again('n13')),
    afterAll: await engine.log.append(gone, [...again('g1'), ...again('g3')]),
  }
  const owners = await Promise.all(ledgers.map((id) => engine.ledger.own(id)))
  await engine.ledger.commit(owners[2]!, [{ key: 'k', value: 'v' }])
  await engine.log.trim(notes, 9)
  await engine.log.trim(topic, 12)
  return [answers, owners, await lookAtWholeStore(engine)]
}

/** The same without what differs between two stores that were filled in the same way. */
export function timeless(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(timeless)
  const entries = Object.entries(value).filter(([name]) => name !== 'appendedAt' && name !== 'incarnation')
  return Object.fromEntries(entries.map(([name, member]) => [name, timeless(member)]))
}

export const allIdentities: IdentityBounds = { maxIds: 1_000_000, since: 0 }

/** Everything that a store gives. */
export async function itemsOf(held: HeldStore, bounds: IdentityBounds = allIdentities): Promise<readonly StoreItem[]> {
  const items: StoreItem[] = []
  for await (const some of held.contents(bounds)) items.push(...some)
  return items
}

export async function* onePage(items: readonly StoreItem[]): AsyncGenerator<readonly StoreItem[]> {
  yield items
}
