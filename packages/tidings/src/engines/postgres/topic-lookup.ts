import {
  questionsOf,
  type AppendRequest,
  type KnownIdentity,
  type Loaded,
  type ProducerState,
  type TopicId,
} from '../../engine/index.ts'
import { bytesOfName, digestOf, hashOfName, nameOfBytes } from './names.ts'
import { recordOfRow, type RecordRow } from './record.ts'
import type { Run } from './session.ts'
import { unknownTopic, type TopicRow } from './topic.ts'

const asking = 'select {known}($1, $2, $3, $4, $5)::text as known'

const askingCarried = `
  select hash, "offset" as first, appended_at as first_at from {carried} where topic = $1 and hash = any($2::bytea[])`

/** A topic as it was at one moment, and what a batch can ask about it. */
export interface Known {
  readonly topic: TopicRow
  readonly loaded: Loaded
}

/** What these requests can ask about; it holds as long as the topic's row is the same. */
export async function lookUp(
  run: Run,
  id: TopicId,
  { requests, maxIds }: { readonly requests: readonly AppendRequest[]; readonly maxIds: number },
): Promise<Known> {
  const questions = questionsOf(requests)
  const digests = new Map(questions.identities.map((name) => [digestOf(name).toString('hex'), name]))
  const [row] = await run<{ known: string | null }>(asking, [
    id.namespace,
    id.topic,
    [...digests.keys()].map(fromHex),
    questions.producers.map(bytesOfName),
    questions.keys.map(bytesOfName),
  ])
  if (!row?.known) throw unknownTopic(id)
  const { topic, ...known } = JSON.parse(row.known) as KnownRows
  // What was stored here is told last: it was stored because what was carried had left the window.
  const identities = new Map([
    ...(await carriedOf(run, topic, { names: questions.identities, maxIds })),
    ...known.identities.map((found): [string, KnownIdentity] => [digests.get(found.digest)!, identityOf(topic, found)]),
  ])
  const producers = new Map(known.producers.map(({ id, epoch, counter }) => [nameOf(id), { epoch, counter }]))
  const newest = new Map(
    known.newest.map(({ key, offset, sourceepoch, sequence }) => [
      nameOf(key),
      { offset, version: { sourceepoch, sequence } },
    ]),
  )
  return { topic, loaded: { head: topic.head, identities, producers, newest } }
}

/** Identities that came from another store, as long as they are in the window. */
async function carriedOf(
  run: Run,
  topic: TopicRow,
  { names, maxIds }: { readonly names: readonly string[]; readonly maxIds: number },
): Promise<readonly [string, KnownIdentity][]> {
  if (topic.carried <= Math.max(0, topic.head - maxIds)) return []
  const hashes = new Map(names.map((name) => [hashOfName(name, topic.seed).toString('hex'), name]))
  const rows = await run<CarriedRow>(askingCarried, [topic.number, [...hashes.keys()].map(fromHex)])
  return rows.map(({ hash, first, first_at }) => [
    hashes.get(Buffer.from(hash).toString('hex'))!,
    { offset: first, appendedAt: first_at },
  ])
}

function identityOf(
  topic: TopicRow,
  { first, first_at, record, ...place }: KnownRows['identities'][number],
): KnownIdentity {
  const row = record !== null && { ...place, erased: false, record: fromHex(record) }
  const event = row ? recordOfRow(topic.number, row)?.event : undefined
  return { offset: first, appendedAt: first_at, ...(event && { event }) }
}

function fromHex(digits: string): Buffer {
  return Buffer.from(digits, 'hex')
}

function nameOf(digits: string): string {
  return nameOfBytes(fromHex(digits))
}

/** What the function `known` answers. */
interface KnownRows {
  readonly topic: TopicRow
  /** The event is not there where it is trimmed or erased. */
  readonly identities: readonly (Omit<RecordRow, 'record' | 'erased'> & {
    readonly digest: string
    readonly first: number
    readonly first_at: number
    readonly record: string | null
  })[]
  readonly producers: readonly (ProducerState & { readonly id: string })[]
  readonly newest: readonly {
    readonly key: string
    readonly offset: number
    readonly sourceepoch: number
    readonly sequence: string
  }[]
}

interface CarriedRow {
  readonly hash: Uint8Array
  readonly first: number
  readonly first_at: number
}
