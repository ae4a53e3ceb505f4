import { withoutPayload, type TopicId, type TrimOptions } from '../../engine/index.ts'
import { encodeEvent } from '../../event/index.ts'
import { bytesOfName } from './names.ts'
import { recordOfRow, sealRecord, type RecordRow } from './record.ts'
import type { Run, Session } from './session.ts'
import { lockTopic, topicOf, type TopicRow } from './topic.ts'

/** Whoever changes a topic holds its lock, and appends wait: so many rows take some milliseconds. */
const rowsAtOnce = 1_000
/** Looking for the events of a key takes no lock. */
const offsetsAtOnce = 20_000
/** How much has to be free before it is made usable again, and which part of the store. */
const vacuum = { bytes: 1_000_000, part: 0.2 }

const isNewest = `exists (
  select from {newest} n where n.topic = e.topic and n.key = e.key and n."offset" = e."offset")`

/** From `$2` to `$3`: the newest of their keys stay, and `$4`, of which the next trim asks again. */
const trimmingRange = `
  with removed as (
    delete from {event} e
    where e.topic = $1 and e."offset" > $2 and e."offset" <= $3
      and not e."offset" = any($4::bigint[]) and not ${isNewest}
    returning octet_length(e.record) as bytes
  ), kept as (
    insert into {kept} (topic, "offset")
    select $1, e."offset" from {event} e where e.topic = $1 and e."offset" = any($4::bigint[]) and not ${isNewest}
  ), moved as (
    update {topic} set trimmed = $3 where number = $1
  )
  select coalesce(sum(bytes), 0)::bigint as bytes, count(*) as count from removed`

/** What earlier trims left and nobody asks for any more. */
const trimmingKept = `
  with gone as (
    delete from {kept} where topic = $1 and "offset" in (
      select "offset" from {kept} k
      where topic = $1 and not exists (select from unnest($2::bigint[]) as asked ("offset") where asked."offset" = k."offset")
      limit ${rowsAtOnce}
    ) returning "offset"
  ), removed as (
    delete from {event} where topic = $1 and "offset" in (select "offset" from gone)
    returning octet_length(record) as bytes
  )
  select (select coalesce(sum(bytes), 0) from removed)::bigint as bytes, (select count(*) from gone) as count`

/** Tombstones that are old enough: what is left of those that were trimmed is the newest of their keys. */
const trimmingTombstones = `
  with removed as (
    delete from {event} where topic = $1 and "offset" in (
      select "offset" from {event} e
      where topic = $1 and tombstone and appended_at < $3 and "offset" <= $4
        and not exists (select from unnest($2::bigint[]) as asked ("offset") where asked."offset" = e."offset")
      limit ${rowsAtOnce}
    ) returning octet_length(record) as bytes
  )
  select coalesce(sum(bytes), 0)::bigint as bytes, count(*) as count from removed`

interface Removed {
  readonly bytes: number
  readonly count: number
}

const findingPayloads = `
  select "offset", appended_at, shard, stale, erased, record from {event}
  where topic = $1 and "offset" > $2 and "offset" <= $3 and key = $4 and not erased
  order by "offset" for update`

const erasingPayloads = `
  update {event} e set erased = true, record = r.record
  from unnest($2::bigint[], $3::bytea[]) as r ("offset", record)
  where e.topic = $1 and e."offset" = r."offset"`

/** Removes what nobody needs or may know any more. */
export class TopicTrimmer {
  readonly #session: Session
  /** Bytes that were removed through this server since space was made usable. */
  #freed = 0

  constructor(session: Session) {
    this.#session = session
  }

  /** In steps, each of which is durable by itself: one that is interrupted is gone on with by the next trim. */
  async trim(id: TopicId, { through, keep = [], tombstonesBefore }: TrimOptions & { through: number }): Promise<void> {
    const step = (work: (run: Run, topic: TopicRow) => Promise<boolean>): Promise<void> =>
      this.#inSteps(`trimming topic ${id.topic}`, async (run) => work(run, await lockTopic(run, id)))
    await step(async (run, { number, head, trimmed }) => {
      const limit = Math.min(through, head)
      const to = Math.min(limit, trimmed + rowsAtOnce)
      if (to <= trimmed) return false
      const kept = keep.filter((offset) => offset > trimmed && offset <= to)
      await this.#remove(run, trimmingRange, [number, trimmed, to, kept])
      return to < limit
    })
    await step((run, { number }) => this.#remove(run, trimmingKept, [number, keep]))
    if (tombstonesBefore !== undefined) {
      await step((run, { number, trimmed }) =>
        this.#remove(run, trimmingTombstones, [number, keep, Math.ceil(tombstonesBefore), trimmed]),
      )
    }
    await this.#makeUsable()
  }

  async erase(id: TopicId, key: string): Promise<number> {
    const { number, head } = await topicOf(this.#session, id)
    let count = 0
    for (let after = 0; after < head; after += offsetsAtOnce) {
      const through = Math.min(after + offsetsAtOnce, head)
      count += await this.#session.transaction(`erasing a key of topic ${id.topic}`, (run) =>
        erasePayloads(run, { number, after, through, key }),
      )
    }
    if (count > 0) await this.#vacuum()
    return count
  }

  /** Ends a life: no call finds it any more, and its rows go later. */
  async remove(id: TopicId): Promise<void> {
    await this.#session.query(
      `removing topic ${id.topic}`,
      `with removed as (
         delete from {topic} where namespace = $1 and topic = $2 and {fenced} returning number
       )
       insert into {garbage} (topic) select number from removed`,
      [id.namespace, id.topic],
    )
    this.collectGarbage()
  }

  /** Removes the rows of lives that are over; nobody waits for it, and what fails is tried again at the next start. */
  collectGarbage(): void {
    void this.#session.track(this.#collectGarbage()).catch(() => undefined)
  }

  async #collectGarbage(): Promise<void> {
    const lives = await this.#session.query<{ topic: number }>('looking for garbage', 'select topic from {garbage}')
    for (const { topic } of lives) {
      for (const table of ['event', 'identity', 'producer', 'newest', 'kept', 'carried']) {
        const removing = `delete from {${table}} where ctid = any(array(
          select ctid from {${table}} where topic = $1 limit ${rowsAtOnce})) returning 1`
        await this.#inSteps('removing garbage', async (run) => (await run(removing, [topic])).length > 0)
      }
      if (this.#session.closing) return
      await this.#session.query('removing garbage', 'delete from {garbage} where topic = $1 and {fenced}', [topic])
    }
  }

  /** Runs one transaction after the other as long as there is more to do. */
  async #inSteps(doing: string, step: (run: Run) => Promise<boolean>): Promise<void> {
    for (let more = true; more && !this.#session.closing;) more = await this.#session.transaction(doing, step)
  }

  /** Answers whether there may be more of that. */
  async #remove(run: Run, statement: string, values: readonly unknown[]): Promise<boolean> {
    const [{ bytes, count } = { bytes: 0, count: 0 }] = await run<Removed>(statement, values)
    this.#freed += bytes
    return count === rowsAtOnce
  }

  /** PostgreSQL does this by itself, but rarely: it waits until a fifth of the rows are dead, however large they are. */
  async #makeUsable(): Promise<void> {
    if (this.#freed < vacuum.bytes) return
    const [{ bytes } = { bytes: 0 }] = await this.#session.query<{ bytes: number }>(
      'measuring the events',
      `select pg_total_relation_size('{event}') as bytes`,
    )
    if (this.#freed < bytes * vacuum.part) return
    await this.#vacuum()
  }

  /** Where it fails or takes too long, PostgreSQL's own will come. */
  async #vacuum(): Promise<void> {
    this.#freed = 0
    await this.#session.query('making space usable', 'vacuum (skip_locked) {event}').catch(() => undefined)
  }
}

async function erasePayloads(
  run: Run,
  { number, after, through, key }: { number: number; after: number; through: number; key: string },
): Promise<number> {
  const rows = await run<RecordRow>(findingPayloads, [number, after, through, bytesOfName(key)])
  const records = rows.map((row) => {
    const record = recordOfRow(number, row)
    // Of a damaged record nothing can be told apart: nothing of it is left, and it stays damaged.
    if (!record) return Buffer.alloc(0)
    return sealRecord({ ...record, topicNumber: number, erased: true }, encodeEvent(withoutPayload(record.event)))
  })
  if (rows.length > 0) await run(erasingPayloads, [number, rows.map(({ offset }) => offset), records])
  return rows.length
}
