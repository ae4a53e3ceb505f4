import type { EarlierLife, IdentityBounds, StoreItem, TopicId } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { incarnationOf } from './lives.ts'
import { hashOfBytes, nameOfBytes } from './names.ts'
import { recordOfRow, type RecordRow } from './record.ts'
import type { Run } from './session.ts'
import type { TopicRow } from './topic.ts'
import { bytesBefore, pageBytes } from './topic-reader.ts'
import { unsealEntry } from './ledger.ts'

const rowsAtOnce = 1_000

const topics = `
  select namespace, topic, number, kind, shards, life, incarnation, head, trimmed, seed, continues from {topic}
  order by namespace, topic`

const ledgers = `
  select number, namespace, ledger, shard, epoch, address, removed from {ledger} order by namespace, ledger, shard`

const events = `
  select "offset", appended_at, shard, stale, erased, bytes_through, record from (
    select "offset", appended_at, shard, stale, erased, bytes_through, record, ${bytesBefore('e."offset"')} as before
    from {event} e where topic = $1 and "offset" > $2 order by "offset" limit ${rowsAtOnce}
  ) bounded where before < ${pageBytes} order by "offset"`

/** Of which the event is gone. */
const identities = `
  select i."offset", i.appended_at, i.hash from (
    select topic, "offset", appended_at, hash from {identity} where topic = $1
    union all select topic, "offset", appended_at, hash from {carried} where topic = $1
  ) i
  where i.appended_at >= $2 and i."offset" > $3
    and not exists (select from {event} e where e.topic = i.topic and e."offset" = i."offset")
  order by i."offset"`

interface StoredTopic extends Omit<TopicRow, 'bytes' | 'appended_at' | 'carried'> {
  readonly namespace: string
  readonly topic: string
  readonly continues: string
}

/** Everything in the store, in a transaction that sees one moment of it. */
export async function* contentsOf(run: Run, bounds: IdentityBounds): AsyncGenerator<readonly StoreItem[]> {
  for (const stored of await run<StoredTopic>(topics)) {
    const { namespace, topic, number, kind, shards, head, trimmed, seed } = stored
    const id = { namespace, topic }
    const incarnation = incarnationOf(stored)
    const continues = JSON.parse(stored.continues) as EarlierLife[]
    yield [{ item: 'topic', id, kind, shards, incarnation, continues, head, trimmed, seed }]
    yield* newestOf(run, number)
    yield* producersOf(run, number)
    yield* logOf(run, { id, number, head, bounds })
  }
  yield* ledgersOf(run)
}

async function* newestOf(run: Run, topic: number): AsyncGenerator<readonly StoreItem[]> {
  const select = 'select key, "offset", sourceepoch, sequence from {newest} where topic = $1 order by key'
  for await (const rows of pagesOf<NewestRow>(run, { name: 'newest', select, values: [topic] })) {
    yield rows.map(({ key, offset, sourceepoch, sequence }) => {
      return { item: 'newest', key: nameOfBytes(key), offset, version: { sourceepoch, sequence } }
    })
  }
}

interface NewestRow {
  readonly key: Uint8Array
  readonly offset: number
  readonly sourceepoch: number
  readonly sequence: string
}

async function* producersOf(run: Run, topic: number): AsyncGenerator<readonly StoreItem[]> {
  const select = 'select id, epoch, counter from {producer} where topic = $1 order by id'
  for await (const rows of pagesOf<{ id: Uint8Array; epoch: number; counter: number }>(run, {
    name: 'producers',
    select,
    values: [topic],
  })) {
    yield rows.map(({ id, epoch, counter }) => ({ item: 'producer', id: nameOfBytes(id), epoch, counter }))
  }
}

interface LogOptions {
  readonly id: TopicId
  readonly number: number
  readonly head: number
  readonly bounds: IdentityBounds
}

async function* logOf(run: Run, options: LogOptions): AsyncGenerator<readonly StoreItem[]> {
  const waiting = identitiesOf(run, options)
  let identity = await waiting.next()
  for (let after = 0; ;) {
    const page = await eventsOf(run, options.number, after)
    const last = page.at(-1)?.offset
    let items: StoreItem[] = []
    for (; !identity.done && (last === undefined || identity.value.offset < last); identity = await waiting.next()) {
      items.push({ item: 'identity', ...identity.value })
      if (items.length < rowsAtOnce) continue
      yield items
      items = []
    }
    const here = [...items, ...page] as (StoreItem & { readonly offset: number })[]
    yield here.sort((left, right) => left.offset - right.offset)
    if (last === undefined) return
    after = last
  }
}

async function eventsOf(
  run: Run,
  topicNumber: number,
  after: number,
): Promise<readonly (StoreItem & { readonly offset: number })[]> {
  const rows = await run<RecordRow & { readonly bytes_through: number }>(events, [topicNumber, after])
  return rows.map((row) => {
    const record = recordOfRow(topicNumber, row)
    if (!record) return { item: 'damaged', offset: row.offset }
    return { item: 'record', ...record, bytesThrough: row.bytes_through }
  })
}

async function* identitiesOf(run: Run, { id, number, head, bounds }: LogOptions) {
  const values = [number, bounds.since, head - bounds.maxIds]
  const pages = pagesOf<{ offset: number; appended_at: number; hash: Uint8Array | null }>(run, {
    name: 'identities',
    select: identities,
    values,
  })
  for await (const rows of pages) {
    for (const { offset, appended_at: appendedAt, hash } of rows) {
      if (hash === null) throw tooOld(id)
      yield { offset, appendedAt, hash: hashOfBytes(hash) }
    }
  }
}

function tooOld({ topic }: TopicId): TidingsError {
  return new TidingsError(
    'unavailable',
    `Topic ${topic} has identities that a version of before stored, which cannot be carried; they are over some minutes after its last event. Try again then.`,
  )
}

interface StoredLedger {
  readonly number: number
  readonly namespace: string
  readonly ledger: string
  readonly shard: number
  readonly epoch: number
  readonly address: string | null
  readonly removed: boolean
}

async function* ledgersOf(run: Run): AsyncGenerator<readonly StoreItem[]> {
  for (const { number, namespace, ledger, shard, epoch, address, removed } of await run<StoredLedger>(ledgers)) {
    const id = { namespace, ledger, shard }
    yield [{ item: 'ledger', id, epoch, exists: !removed, ...(address !== null && { address }) }]
    const select = 'select key, value from {entry} where ledger = $1 order by key'
    for await (const rows of pagesOf<{ key: string; value: Uint8Array }>(run, {
      name: 'entries',
      select,
      values: [number],
    })) {
      yield rows.map(({ key, value }) => ({ item: 'entry', key, value: unsealEntry(id, key, value) }))
    }
  }
}

interface Cursor {
  readonly name: string
  readonly select: string
  readonly values: readonly unknown[]
}

/** The rows of a statement, a page at a time. */
async function* pagesOf<Row>(run: Run, { name, select, values }: Cursor): AsyncGenerator<readonly Row[]> {
  await run(`declare ${name} no scroll cursor for ${select}`, values)
  try {
    for (;;) {
      const rows = await run<Row>(`fetch ${rowsAtOnce} from ${name}`)
      if (rows.length === 0) return
      yield rows
    }
  } finally {
    await run(`close ${name}`).catch(() => undefined)
  }
}
