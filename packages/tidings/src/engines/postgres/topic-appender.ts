import { Batch, encodeAll, type AppendAnswer, type AppendRequest, type TopicId } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { isTombstone } from '../../event/index.ts'
import { bytesOfName, digestOf, hashOfName } from './names.ts'
import { sealRecord } from './record.ts'
import type { Run, Session } from './session.ts'
import { lockTopic, type TopicRow } from './topic.ts'
import { load } from './topic-lookup.ts'

/** So that a transaction is neither long nor large. A call that is larger by itself has one for itself. */
const most = { events: 2_000, bytes: 4_194_304 }

/** How often what has left the deduplication window is removed. */
const pruneEveryMs = 60_000
const prunedAtOnce = 5_000

/** Everything that a group changes; the parts of one statement see nothing of each other and need not. */
const writing = `
  with events as (
    insert into {event} (topic, "offset", appended_at, bytes_through, shard, stale, tombstone, key, record)
    select $1, "offset", $2, bytes_through, shard, stale, tombstone, key, record
    from unnest($3::bigint[], $4::bigint[], $5::integer[], $6::boolean[], $7::boolean[], $8::bytea[], $9::bytea[])
      as e ("offset", bytes_through, shard, stale, tombstone, key, record)
  ), identities as (
    insert into {identity} (topic, digest, "offset", appended_at, hash)
    select $1, digest, "offset", $2, hash
    from unnest($10::bytea[], $21::bigint[], $22::bytea[]) as i (digest, "offset", hash)
    on conflict (topic, digest) do update
      set "offset" = excluded."offset", appended_at = excluded.appended_at, hash = excluded.hash
  ), producers as (
    insert into {producer} (topic, id, epoch, counter)
    select $1, id, epoch, counter from unnest($11::bytea[], $12::bigint[], $13::bigint[]) as p (id, epoch, counter)
    on conflict (topic, id) do update set epoch = excluded.epoch, counter = excluded.counter
  ), newest as (
    insert into {newest} (topic, key, "offset", sourceepoch, sequence)
    select $1, key, "offset", sourceepoch, sequence
    from unnest($14::bytea[], $15::bigint[], $16::bigint[], $17::text[]) as n (key, "offset", sourceepoch, sequence)
    on conflict (topic, key) do update
      set "offset" = excluded."offset", sourceepoch = excluded.sourceepoch, sequence = excluded.sequence
  ), kept as (
    insert into {kept} (topic, "offset") select $1, "offset" from unnest($18::bigint[]) as k ("offset")
    on conflict do nothing
  )
  update {topic} set head = $19, bytes = $20, appended_at = greatest(appended_at, $2) where number = $1`

const pruning = `
  delete from {identity} where topic = $1 and digest in (
    select digest from (
      select digest, "offset", appended_at from {identity} where topic = $1
      order by appended_at, "offset" limit ${prunedAtOnce}
    ) oldest
    where "offset" <= $2 or appended_at < $3
  ) returning 1`

const pruningCarried = 'delete from {carried} where topic = $1 and ("offset" <= $2 or appended_at < $3)'

interface Call {
  readonly requests: readonly AppendRequest[]
  readonly encoded: readonly Uint8Array[]
  readonly bytes: number
  readonly resolve: (answers: readonly AppendAnswer[]) => void
  readonly reject: (error: unknown) => void
}

export interface TopicAppenderOptions {
  readonly session: Session
  readonly id: TopicId
  /** Called after something was stored. */
  readonly onGrown: () => void
  /** Called after each group, with the error that it ended with. */
  readonly onWritten: (error: TidingsError | undefined) => void
}

/**
 * Appends to one topic, in groups: one transaction at a time, and whatever arrives while it runs goes into the next one.
 * Each topic has its own, so that they do not wait for each other; the lock of the topic's row puts the groups of all
 * servers in order.
 */
export class TopicAppender {
  readonly #options: TopicAppenderOptions
  #waiting: Call[] = []
  #running = false
  #prunedAt: number

  constructor(options: TopicAppenderOptions) {
    this.#options = options
    this.#prunedAt = options.session.environment.clock.monotonic()
  }

  append(requests: readonly AppendRequest[]): Promise<readonly AppendAnswer[]> {
    return new Promise((resolve, reject) => {
      const encoded = encodeAll(requests)
      const bytes = encoded.reduce((sum, { length }) => sum + length, 0)
      this.#waiting.push({ requests: requests.map(copyOf(encoded)), encoded, bytes, resolve, reject })
      if (this.#running) return
      this.#running = true
      // At the end of the turn, so that everything which this turn brings shares one transaction.
      setImmediate(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#write(this.#nextGroup())
    this.#running = false
    await this.#prune()
  }

  #nextGroup(): readonly Call[] {
    let events = 0
    let bytes = 0
    const end = this.#waiting.findIndex((call, index) => {
      events += call.requests.length
      bytes += call.bytes
      return index > 0 && (events > most.events || bytes > most.bytes)
    })
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
  }

  async #write(calls: readonly Call[]): Promise<void> {
    const { session, id, onGrown, onWritten } = this.#options
    try {
      const { answers, grown } = await session.transaction(`appending to topic ${id.topic}`, (run) =>
        this.#append(run, calls),
      )
      onWritten(undefined)
      for (const [index, call] of calls.entries()) call.resolve(answers[index]!)
      if (grown) onGrown()
    } catch (error) {
      if (error instanceof TidingsError) onWritten(error)
      for (const call of calls) call.reject(error)
    }
  }

  async #append(run: Run, calls: readonly Call[]): Promise<{ answers: AppendAnswer[][]; grown: boolean }> {
    const { session, id } = this.#options
    const topic = await lockTopic(run, id)
    const requests = calls.flatMap((call) => call.requests)
    const loaded = await load(run, topic, { requests, maxIds: session.deduplication.maxIds })
    // The clocks of the servers differ; time in a log does not go back.
    const appendedAt = Math.max(Math.floor(session.environment.clock.now()), topic.appended_at)
    const batch = new Batch({ kind: topic.kind, loaded, appendedAt, deduplication: session.deduplication })
    const answers = calls.map(({ requests, encoded }) => batch.append(requests, encoded))
    const grown = batch.stored.length > 0
    if (grown || batch.producers.size > 0) await write(run, { topic, batch, appendedAt })
    return { answers, grown }
  }

  /** Removes identities that have left the window; it is nobody's to wait for. */
  async #prune(): Promise<void> {
    const { session, id } = this.#options
    const now = session.environment.clock.monotonic()
    if (now < this.#prunedAt + pruneEveryMs) return
    this.#prunedAt = now
    await session.track(pruneIdentities(session, id)).catch(() => undefined)
  }
}

/** The request with an event that its caller cannot change any more. */
function copyOf(encoded: readonly Uint8Array[]): (request: AppendRequest, index: number) => AppendRequest {
  return (request, index) => {
    const { data, ...attributes } = request.event
    const bytes = encoded[index]!
    return {
      ...request,
      event: data ? { ...attributes, data: bytes.subarray(bytes.length - data.length) } : attributes,
    }
  }
}

async function write(
  run: Run,
  { topic, batch, appendedAt }: { topic: TopicRow; batch: Batch; appendedAt: number },
): Promise<void> {
  let bytesThrough = topic.bytes
  const { stored } = batch
  const sums = stored.map(({ bytes }) => (bytesThrough += bytes.length))
  const records = stored.map(({ offset, shard, stale, bytes }) =>
    sealRecord({ topicNumber: topic.number, offset, appendedAt, shard, stale, erased: false }, bytes),
  )
  const identities = [...batch.identities]
  const producers = [...batch.producers]
  const newest = [...batch.newest]
  await run(writing, [
    topic.number,
    appendedAt,
    stored.map(({ offset }) => offset),
    sums,
    stored.map(({ shard }) => shard),
    stored.map(({ stale }) => stale),
    stored.map(({ event }) => isTombstone(event)),
    stored.map(({ event }) => (event.key === undefined ? null : bytesOfName(event.key))),
    records,
    identities.map(([name]) => digestOf(name)),
    producers.map(([id]) => bytesOfName(id)),
    producers.map(([, { epoch }]) => epoch),
    producers.map(([, { counter }]) => counter),
    newest.map(([key]) => bytesOfName(key)),
    newest.map(([, { offset }]) => offset),
    newest.map(([, { version }]) => version.sourceepoch),
    newest.map(([, { version }]) => version.sequence),
    batch.replaced.filter((offset) => offset <= topic.trimmed),
    batch.head,
    bytesThrough,
    identities.map(([, { offset }]) => offset),
    identities.map(([name]) => hashOfName(name, topic.seed)),
  ])
}

async function pruneIdentities(session: Session, id: TopicId): Promise<void> {
  const { maxIds, maxAgeMs } = session.deduplication
  for (;;) {
    if (session.closing) return
    const removed = await session.transaction(`pruning identities of topic ${id.topic}`, async (run) => {
      const { number, head, appended_at, carried } = await lockTopic(run, id)
      const now = Math.max(Math.floor(session.environment.clock.now()), appended_at)
      const over = [number, head - maxIds, now - maxAgeMs]
      if (carried > 0) await run(pruningCarried, over)
      return run(pruning, over)
    })
    if (removed.length < prunedAtOnce) return
  }
}
