import type { EarlierLife, LogDescription, LogSettings, TopicId, TopicKind } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { incarnationOf, newLife, type Life } from './lives.ts'
import type { Run, Session } from './session.ts'

/** What is stored of a topic itself. */
export interface TopicRow extends Life {
  readonly kind: TopicKind
  readonly shards: number
  readonly head: number
  readonly bytes: number
  readonly appended_at: number
  readonly trimmed: number
  /** Of the hashes of its identities. */
  readonly seed: number
  /** The head when it came from another store, where some identities are known by their hash alone. */
  readonly carried: number
  /** Of the row: each append and each trim makes another one. */
  readonly xmin: string
}

const byName = 'namespace = $1 and topic = $2'
const columns = 'number, kind, shards, life, incarnation, head, bytes, appended_at, trimmed, seed, carried, xmin::text'

/** With the oldest offset of the deduplication window that is not too old. */
const describing = `
  select ${columns}, continues, (
    select "offset" from {identity} i where i.topic = t.number and i.appended_at >= greatest($3, t.appended_at) - $4
    order by i.appended_at, i."offset" limit 1
  ) as oldest
  from {topic} t where ${byName}`

const creating = `
  insert into {topic} (namespace, topic, kind, shards, life) select $1, $2, $3, $4::integer, $5 where {fenced}
  on conflict (namespace, topic) do nothing`

/** Creates a topic where there is none; whichever server does it, all of them are told of the same life. */
export async function createTopic(session: Session, id: TopicId, settings: LogSettings): Promise<LogDescription> {
  const life = newLife(session.environment)
  for (;;) {
    const values = [id.namespace, id.topic, settings.kind, settings.shards, life]
    await session.query(`creating topic ${id.topic}`, creating, values)
    const description = await describeTopic(session, id)
    // Somebody may have removed it in between.
    if (description) return ensureEqual(description, id, settings)
  }
}

export async function describeTopic(session: Session, id: TopicId): Promise<LogDescription | undefined> {
  const { maxIds, maxAgeMs } = session.deduplication
  const now = Math.floor(session.environment.clock.now())
  const values = [id.namespace, id.topic, now, maxAgeMs]
  const [row] = await session.query<TopicRow & { oldest: number | null; continues: string }>(
    `describing topic ${id.topic}`,
    describing,
    values,
  )
  if (!row) return undefined
  const { kind, shards, head, trimmed, oldest } = row
  const ids = oldest === null ? 0 : head - Math.max(oldest - 1, head - maxIds)
  const incarnation = incarnationOf(row)
  const continues = JSON.parse(row.continues) as EarlierLife[]
  const deduplication = { ids, maxIds, maxAgeMs }
  return { kind, shards, incarnation, head, trimmed, deduplication, ...(continues.length > 0 && { continues }) }
}

/** Takes a topic's lock until the transaction ends, and answers what is stored of it at that moment. */
export async function lockTopic(run: Run, id: TopicId): Promise<TopicRow> {
  const [row] = await run<TopicRow>(`select ${columns} from {topic} where ${byName} for update`, [
    id.namespace,
    id.topic,
  ])
  if (row) return row
  throw unknownTopic(id)
}

/** What is stored of a topic at present. */
export async function topicOf(session: Session, id: TopicId): Promise<TopicRow> {
  const [row] = await session.query<TopicRow>(
    `looking for topic ${id.topic}`,
    `select ${columns} from {topic} where ${byName}`,
    [id.namespace, id.topic],
  )
  if (row) return row
  throw unknownTopic(id)
}

export function unknownTopic(id: TopicId): TidingsError {
  return new TidingsError(
    'topic-unknown',
    `Topic ${id.topic} does not exist in namespace ${id.namespace}; create it first.`,
    { details: { ...id } },
  )
}

function ensureEqual(existing: LogDescription, id: TopicId, settings: LogSettings): LogDescription {
  const { kind, shards } = existing
  if (kind === settings.kind && shards === settings.shards) return existing
  throw new TidingsError(
    'topic-conflict',
    `Topic ${id.topic} exists as ${kind} with ${shards} shards and cannot become ${settings.kind} with ${settings.shards}; remove it first or use another name.`,
    { details: { ...id, kind, shards } },
  )
}
