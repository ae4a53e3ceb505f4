import {
  questionsOf,
  type AppendRequest,
  type KnownIdentity,
  type KnownNewest,
  type Loaded,
  type ProducerState,
} from '../../engine/index.ts'
import { bytesOfName, digestOf, hashOfName, nameOfBytes } from './names.ts'
import { recordOfRow, type RecordRow } from './record.ts'
import type { Run } from './session.ts'
import type { TopicRow } from './topic.ts'

const lookingUp = {
  identities: `
    select i.digest, i."offset" as first, i.appended_at as first_at,
      e."offset", e.appended_at, e.shard, e.stale, e.erased, e.record
    from {identity} i left join {event} e on e.topic = i.topic and e."offset" = i."offset" and not e.erased
    where i.topic = $1 and i.digest = any($2::bytea[])`,
  producers: 'select id, epoch, counter from {producer} where topic = $1 and id = any($2::bytea[])',
  carried:
    'select hash, "offset" as first, appended_at as first_at from {carried} where topic = $1 and hash = any($2::bytea[])',
  newest: 'select key, "offset", sourceepoch, sequence from {newest} where topic = $1 and key = any($2::bytea[])',
}

/** What a batch can ask about, of a topic whose lock is held already. */
export async function load(
  run: Run,
  topic: TopicRow,
  { requests, maxIds }: { readonly requests: readonly AppendRequest[]; readonly maxIds: number },
): Promise<Loaded> {
  const questions = questionsOf(topic.kind, requests)
  const identities = new Map<string, KnownIdentity>()
  const digests = new Map(questions.identities.map((name) => [digestOf(name).toString('hex'), name]))
  const ask = async <Row>(text: string, values: readonly Uint8Array[], each: (row: Row) => void): Promise<void> => {
    if (values.length === 0) return
    for (const row of await run<Row>(text, [topic.number, values])) each(row)
  }
  if (topic.carried > topic.head - maxIds) {
    const hashes = new Map(questions.identities.map((name) => [hashOfName(name, topic.seed).toString('hex'), name]))
    const asked = [...hashes.keys()].map((hash) => Buffer.from(hash, 'hex'))
    await ask<CarriedRow>(lookingUp.carried, asked, ({ hash, first, first_at }) => {
      identities.set(hashes.get(Buffer.from(hash).toString('hex'))!, { offset: first, appendedAt: first_at })
    })
  }
  // What was stored here is told last: it was stored because what was carried had left the window.
  const asBytes = [...digests.keys()].map((digest) => Buffer.from(digest, 'hex'))
  await ask<IdentityRow>(lookingUp.identities, asBytes, (row) => {
    const event = row.record === null ? undefined : recordOfRow(topic.number, row as RecordRow)?.event
    const name = digests.get(Buffer.from(row.digest).toString('hex'))!
    identities.set(name, { offset: row.first, appendedAt: row.first_at, ...(event && { event }) })
  })
  const producers = new Map<string, ProducerState>()
  await ask<ProducerState & { id: Uint8Array }>(
    lookingUp.producers,
    questions.producers.map(bytesOfName),
    ({ id, epoch, counter }) => producers.set(nameOfBytes(id), { epoch, counter }),
  )
  const newest = new Map<string, KnownNewest>()
  await ask<NewestRow>(lookingUp.newest, questions.keys.map(bytesOfName), ({ key, offset, sourceepoch, sequence }) =>
    newest.set(nameOfBytes(key), { offset, version: { sourceepoch, sequence } }),
  )
  return { head: topic.head, identities, producers, newest }
}

interface IdentityRow extends Omit<RecordRow, 'record'> {
  readonly digest: Uint8Array
  readonly first: number
  readonly first_at: number
  readonly record: Uint8Array | null
}

interface CarriedRow {
  readonly hash: Uint8Array
  readonly first: number
  readonly first_at: number
}

interface NewestRow {
  readonly key: Uint8Array
  readonly offset: number
  readonly sourceepoch: number
  readonly sequence: string
}
