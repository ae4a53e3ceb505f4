import {
  formatCursor,
  parseCursor,
  type LatestPage,
  type LogPage,
  type LogRecord,
  type TopicId,
} from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { incarnationOf } from './lives.ts'
import { bytesOfName } from './names.ts'
import { recordOfRow, type RecordRow } from './record.ts'
import type { Session } from './session.ts'
import { topicOf, unknownTopic } from './topic.ts'

/** A page ends with the record that makes it so large: a reader's memory is bounded, and it reads on from there. */
export const pageBytes = 16_777_216

export const bytesBefore = (order: string): string =>
  `coalesce(sum(octet_length(e.record)) over (order by ${order} rows between unbounded preceding and 1 preceding), 0)`

/** Head and records are of one moment: it is one statement. */
const reading = `
  select t.number, t.head, e.*
  from {topic} t left join lateral (
    select * from (
      select e."offset", e.appended_at, e.shard, e.stale, e.erased, e.record, ${bytesBefore('e."offset"')} as before
      from {event} e
      where e.topic = t.number and e."offset" > $3 and ($5::integer is null or e.shard = $5)
      order by e."offset" limit $4
    ) bounded where before < ${pageBytes}
  ) e on true
  where t.namespace = $1 and t.topic = $2
  order by e."offset"`

const listing = `
  select t.number, t.head, t.trimmed, n.*
  from {topic} t left join lateral (
    select * from (
      select n.key, n."offset" as newest, e."offset", e.appended_at, e.shard, e.stale, e.erased, e.record,
        ${bytesBefore('n.key')} as before
      from {newest} n left join {event} e on e.topic = n.topic and e."offset" = n."offset"
      where n.topic = t.number and ($2::bytea is null or n.key > $2)
      order by n.key limit $3
    ) bounded where before < ${pageBytes}
  ) n on true
  where t.number = $1
  order by n.key`

/** A row that has no record is the topic's alone. */
interface PageRow extends Omit<RecordRow, 'offset' | 'record'> {
  readonly number: number
  readonly head: number
  readonly offset: number | null
  readonly record: Uint8Array | null
  readonly before: string | null
}

interface ListedRow extends PageRow {
  readonly trimmed: number
  readonly key: Uint8Array | null
  readonly newest: number
}

export async function readTopic(
  session: Session,
  id: TopicId,
  { after, limit, shard }: { after: number; limit: number; shard?: number },
): Promise<LogPage> {
  const values = [id.namespace, id.topic, after, limit, shard ?? null]
  const rows = await session.query<PageRow>(`reading topic ${id.topic}`, reading, values)
  const [topic] = rows
  if (!topic) throw unknownTopic(id)
  const found = rows.filter(hasRecord)
  const records: LogRecord[] = []
  const damaged: number[] = []
  for (const row of found) {
    const record = recordOfRow(topic.number, row)
    if (record) records.push(record)
    else damaged.push(row.offset)
  }
  const until = isFull(found, limit) ? (found.at(-1)?.offset ?? after) : Math.max(after, topic.head)
  return { records, until, damaged }
}

/** As cursors name it. */
const engine = 'postgres'

export async function latestOf(
  session: Session,
  id: TopicId,
  { cursor, limit }: { cursor?: string; limit: number },
): Promise<LatestPage> {
  const found = await topicOf(session, id)
  const { number } = found
  const incarnation = incarnationOf(found)
  const place = cursor === undefined ? undefined : parseCursor(cursor, { incarnation, engine })
  const values = [number, place ? Buffer.from(place.after, 'base64url') : null, limit]
  const rows = await session.query<ListedRow>(`listing topic ${id.topic}`, listing, values)
  const [topic] = rows
  if (!topic) throw unknownTopic(id)
  const listed = rows.filter(({ key }) => key !== null)
  const from = place?.from ?? topic.head
  const page = { records: listed.flatMap((row) => newestRecord(id, row)), from, until: topic.head }
  if (!isFull(listed, limit)) return page
  const after = Buffer.from(listed.at(-1)?.key ?? []).toString('base64url')
  return { ...page, next: formatCursor({ incarnation, from, engine, after }) }
}

const single = `
  select t.number, t.head, t.trimmed, n.key, n."offset" as newest,
    e."offset", e.appended_at, e.shard, e.stale, e.erased, e.record, 0 as before
  from {topic} t
    join {newest} n on n.topic = t.number and n.key = any($2::bytea[])
    left join {event} e on e.topic = n.topic and e."offset" = n."offset"
  where t.number = $1`

export async function newestOf(session: Session, id: TopicId, keys: readonly string[]): Promise<readonly LogRecord[]> {
  const { number } = await topicOf(session, id)
  const rows = await session.query<ListedRow>(`looking up keys of topic ${id.topic}`, single, [
    number,
    keys.map(bytesOfName),
  ])
  return rows.flatMap((row) => newestRecord(id, row))
}

/** The newest event of a listed key; none where a trim took a tombstone out, whose version is left. */
function newestRecord(id: TopicId, row: ListedRow): readonly LogRecord[] {
  const record = hasRecord(row) ? recordOfRow(row.number, row) : undefined
  if (record) return [record]
  if (row.record === null && row.newest <= row.trimmed) return []
  throw new TidingsError(
    'store-corrupt',
    `The newest event of a key of topic ${id.topic}, at offset ${row.newest}, is damaged; publish that entity's state again or restore the store from a backup.`,
    { details: { ...id, offset: row.newest } },
  )
}

function hasRecord<Row extends PageRow>(row: Row): row is Row & RecordRow {
  return row.record !== null
}

/** Whether there may be more than these. */
function isFull(rows: readonly PageRow[], limit: number): boolean {
  const last = rows.at(-1)
  return rows.length >= limit || (last !== undefined && Number(last.before) + (last.record?.length ?? 0) >= pageBytes)
}

/** Halves the range in which the place must be, as long as it has more than one offset: no offset above `trimmed` is missing. */
const searching = `
  with recursive search (low, high) as (
    select trimmed, head from {topic} where number = $1
    union all
    select case when e.fits then middle else low end, case when e.fits then high else middle - 1 end
    from search, lateral (select (low + high + 1) / 2 as middle) m, lateral (
      select coalesce((
        select bytes_through <= $2 from {event} where topic = $1 and "offset" = middle
      ), false) as fits
    ) e
    where low < high
  )
  select low from search where low = high`

/** The newest offset behind which at least so many bytes stand, by the sums that stand beside the events. */
export async function offsetBehind(session: Session, id: TopicId, bytes: number): Promise<number> {
  const topic = await topicOf(session, id)
  const values = [topic.number, topic.bytes - bytes]
  const [found] = await session.query<{ low: number }>(`measuring topic ${id.topic}`, searching, values)
  return found?.low ?? topic.trimmed
}
