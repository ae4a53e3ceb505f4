import { Batch, encodeAll, type AppendAnswer, type AppendRequest, type TopicId } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { isTombstone } from '../../event/index.ts'
import { bytesOfName, digestOf, hashOfName } from './names.ts'
import { sealRecord } from './record.ts'
import type { Run, Session } from './session.ts'
import { lockTopic, type TopicRow } from './topic.ts'
import { lookUp } from './topic-lookup.ts'

/** So that a transaction is neither long nor large. A call that is larger by itself has one for itself. */
const most = { events: 2_000, bytes: 4_194_304 }

/** How often what has left the deduplication window is removed. */
const pruneEveryMs = 60_000
const prunedAtOnce = 5_000

/** False where somebody else has written the topic since it was looked at. */
const writing = `
  select {append}(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) as written
  where {fenced}`

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

interface Appended {
  readonly answers: readonly (readonly AppendAnswer[])[]
  readonly grown: boolean
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
    const { onGrown, onWritten } = this.#options
    try {
      const { answers, grown } = await this.#append(calls)
      onWritten(undefined)
      for (const [index, call] of calls.entries()) call.resolve(answers[index]!)
      if (grown) onGrown()
    } catch (error) {
      if (error instanceof TidingsError) onWritten(error)
      for (const call of calls) call.reject(error)
    }
  }

  /** Without a lock, which is two exchanges with the server; behind one where somebody else comes in between. */
  async #append(calls: readonly Call[]): Promise<Appended> {
    const { session, id } = this.#options
    const doing = `appending to topic ${id.topic}`
    const appended = await session.runs(doing, (run) => this.#decide(run, calls))
    if (appended) return appended
    return session.transaction(doing, async (run) => {
      await lockTopic(run, id)
      const behindLock = await this.#decide(run, calls)
      if (behindLock) return behindLock
      throw new Error(`The row of topic ${id.topic} was written by somebody who did not hold its lock.`)
    })
  }

  /** Decides with what is known, and writes; `undefined` where that is not what is known any more. */
  async #decide(run: Run, calls: readonly Call[]): Promise<Appended | undefined> {
    const { session, id } = this.#options
    const requests = calls.flatMap((call) => call.requests)
    const { topic, loaded } = await lookUp(run, id, { requests, maxIds: session.deduplication.maxIds })
    // The clocks of the servers differ; time in a log does not go back.
    const appendedAt = Math.max(Math.floor(session.environment.clock.now()), topic.appended_at)
    const batch = new Batch({ kind: topic.kind, loaded, appendedAt, deduplication: session.deduplication })
    const answers = calls.map(({ requests, encoded }) => batch.append(requests, encoded))
    const grown = batch.stored.length > 0
    if (!grown && batch.producers.size === 0) return { answers, grown }
    return (await write(run, { topic, batch, appendedAt })) ? { answers, grown } : undefined
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
): Promise<boolean> {
  let bytesThrough = topic.bytes
  const { stored } = batch
  const sums = stored.map(({ bytes }) => (bytesThrough += bytes.length))
  const records = stored.map(({ offset, shard, stale, bytes }) =>
    sealRecord({ topicNumber: topic.number, offset, appendedAt, shard, stale, erased: false }, bytes),
  )
  const identities = [...batch.identities]
  const producers = [...batch.producers]
  const newest = [...batch.newest]
  const [row] = await run<{ written: boolean }>(writing, [
    topic.number,
    topic.xmin,
    batch.head,
    bytesThrough,
    appendedAt,
    stored.map(({ offset }) => offset),
    sums,
    stored.map(({ shard }) => shard),
    stored.map(({ stale }) => stale),
    stored.map(({ event }) => isTombstone(event)),
    stored.map(({ event }) => (event.key === undefined ? null : bytesOfName(event.key))),
    records,
    identities.map(([name]) => digestOf(name)),
    identities.map(([, { offset }]) => offset),
    identities.map(([name]) => hashOfName(name, topic.seed)),
    producers.map(([id]) => bytesOfName(id)),
    producers.map(([, { epoch }]) => epoch),
    producers.map(([, { counter }]) => counter),
    newest.map(([key]) => bytesOfName(key)),
    newest.map(([, { offset }]) => offset),
    newest.map(([, { version }]) => version.sourceepoch),
    newest.map(([, { version }]) => version.sequence),
    batch.replaced.filter((offset) => offset <= topic.trimmed),
  ])
  return row!.written
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
