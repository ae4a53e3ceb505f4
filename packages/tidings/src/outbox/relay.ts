import type { Broker, Caller } from '../broker/port/broker.ts'
import type { ProducerState } from '../broker/port/events.ts'
import type { Database } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import { within, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { Backoff } from './backoff.ts'
import { outcomeOf, publication, publishable, refusedAlone } from './batch.ts'
import { Lives } from './lives.ts'
import { Replaced } from './owner.ts'
import type { Ownership } from './ownership.ts'
import type { OutboxAlarm, TickReport } from './report.ts'
import { beginNewLife } from './restore.ts'
import type { Batch, Outcome, OutboxRows, Settled } from './rows.ts'
import type { OutboxStatements } from './tables.ts'

export interface RelayOptions {
  readonly database: Database
  readonly broker: Broker
  readonly caller: Caller
  readonly environment: Environment
  readonly ownership: Ownership
  readonly rows: OutboxRows
  readonly statements: OutboxStatements
  /** The producer id: one for each source and shard. */
  readonly producer: string
  /** Topics to look at from the start, whether or not anything waits for them. */
  readonly topics: readonly string[]
  readonly batchRows: number
  readonly batchBytes: number
  readonly publishTimeoutMs: number
  readonly alarm: (alarm: OutboxAlarm) => void
  /** Called after this database, or the broker's store, turned out to be restored. */
  readonly restored: () => void
  /** The broker does not have a topic of this outbox. */
  readonly topicUnknown: () => void
}

/** How one topic fares. */
interface TopicState {
  readonly backoff: Backoff
  /** The broker was asked what it has of this producer since the ownership began. */
  checked: boolean
  /** Fewer rows at a time after the broker could not take so many. */
  maxRows: number
}

const sweepEveryMs = 10_000
const sweepAgainMs = 1_000

const nothing: TickReport = { published: 0, held: 0, more: false }

/** Errors that one event of a call can be the reason of, so that fewer events may fare better. */
const perhapsOneEvent = new Set([
  'bad-request',
  'event-invalid',
  'payload-too-large',
  'schema-violation',
  'key-invalid',
])

/**
 * Carries rows of the outbox to the broker, while this process owns the relay. For each topic there is one call at a
 * time, with the oldest rows in the order of their ids; rows go only after the broker's answer. So when an answer is
 * lost, the same rows are published again before any later one, and the broker knows them by their counters.
 *
 * A topic is `checked` once for each ownership before anything is published to it: that is where a restored database
 * shows. Topics fail and wait each for themselves.
 */
export class Relay {
  readonly #options: RelayOptions
  readonly #topics = new Map<string, TopicState>()
  readonly #lives: Lives
  #sweepAt = 0
  /** The last look found something that waits. */
  #unsent = true
  #stop = new AbortController()

  constructor(options: RelayOptions) {
    this.#options = options
    this.#lives = new Lives({
      ...options,
      broker: { topic: (caller, topic) => this.#within(options.broker.topic(caller, topic)) },
      onTopicUnknown: options.topicUnknown,
    })
    for (const topic of options.topics) this.#state(topic)
  }

  /** Milliseconds until a topic that failed may be tried again; `undefined` when none has. */
  get retryMs(): number | undefined {
    const waiting = [...this.#topics.values()].filter(({ backoff }) => backoff.failures > 0)
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ backoff }) => backoff.waitMs))
  }

  /** Gives up the calls in flight; what became of them is unknown, and safe. */
  abort(): void {
    this.#stop.abort()
    this.#stop = new AbortController()
  }

  async tick(): Promise<TickReport> {
    const { ownership, rows, batchBytes } = this.#options
    if (await ownership.settle()) this.#forgetChecks()
    if (ownership.epoch === undefined) return nothing
    // Before the broker is asked anything, which may take long.
    if (this.#unsent) await ownership.beat()
    try {
      await this.#check()
      if (await this.#lives.look()) this.#options.restored()
    } catch (error) {
      return this.#replaced(error)
    }
    const { epoch } = ownership
    const next = await rows.next({ epoch, topics: this.#ready(), maxBytes: batchBytes })
    if (next.isReplaced) return this.#replaced(new Replaced())
    this.#unsent = next.batches.length + next.others.length > 0
    const unknown = next.others.filter((topic) => !this.#topics.has(topic))
    for (const topic of unknown) this.#state(topic)
    const reports = await Promise.allSettled(next.batches.map((batch) => this.#relay(batch, epoch)))
    await this.#sweep()
    return reports.reduce(
      (sum, report) => {
        if (report.status === 'rejected') throw report.reason
        return add(sum, report.value)
      },
      { ...nothing, more: unknown.length > 0 },
    )
  }

  /** Topics of which something may be published at present, with how many rows at most. */
  #ready(): ReadonlyMap<string, number> {
    const ready = [...this.#topics].filter(([, { checked, backoff }]) => checked && backoff.waitMs === 0)
    return new Map(ready.map(([topic, { maxRows }]) => [topic, maxRows]))
  }

  /** Stands by from here on, where that is what the error says. */
  #replaced(error: unknown): TickReport {
    if (!(error instanceof Replaced)) throw error
    this.#options.ownership.lose()
    return nothing
  }

  async #sweep(): Promise<void> {
    const now = this.#options.environment.clock.monotonic()
    if (now < this.#sweepAt) return
    const isSwept = await this.#options.rows.sweep()
    this.#sweepAt = now + (isSwept ? sweepEveryMs : sweepAgainMs)
  }

  #state(topic: string): TopicState {
    const known = this.#topics.get(topic)
    if (known) return known
    this.#lives.saw(topic)
    const state = { backoff: new Backoff(this.#options.environment), checked: false, maxRows: this.#options.batchRows }
    this.#topics.set(topic, state)
    return state
  }

  #forgetChecks(): void {
    for (const state of this.#topics.values()) state.checked = false
    this.#lives.forget()
  }

  // ------------------------------------------------------------------------------------------------- a restored database

  async #check(): Promise<void> {
    const due = [...this.#topics].filter(([, { checked, backoff }]) => !checked && backoff.waitMs === 0)
    const answers = await Promise.all(due.map(([topic]) => this.#producerOf(topic)))
    const ahead: ProducerState[] = []
    for (const [index, [topic]] of due.entries()) {
      const known = answers[index]?.known
      if (known && (await this.#options.rows.isAhead(topic, known))) ahead.push(known)
    }
    if (ahead.length > 0) await this.#begin(ahead)
    // Not before: what is published to a topic in between would be taken for a duplicate.
    for (const [index, [, state]] of due.entries()) state.checked = answers[index] !== undefined
  }

  /** What the broker has of this producer in a topic; `undefined` when it could not be asked. */
  async #producerOf(topic: string): Promise<{ readonly known: ProducerState | undefined } | undefined> {
    const { broker, caller, producer } = this.#options
    try {
      return { known: await this.#within(broker.producer(caller, { topic, producer })) }
    } catch (error) {
      // A topic that does not exist yet holds nothing; publishing to it says so.
      if (error instanceof TidingsError && error.code === 'topic-unknown') return { known: undefined }
      this.#fail(topic, error)
      return undefined
    }
  }

  async #begin(ahead: readonly ProducerState[]): Promise<void> {
    const { database } = this.#options
    const known = {
      epoch: Math.max(...ahead.map(({ epoch }) => epoch)),
      counter: Math.max(...ahead.map(({ counter }) => counter)),
    }
    const begin = ownTransaction(database, (transaction) => beginNewLife(transaction, { ...this.#options, known }))
    this.#options.ownership.adopt(await begin)
    this.#options.restored()
  }

  // ---------------------------------------------------------------------------------------------------------- one topic

  async #relay(batch: Batch, epoch: number): Promise<TickReport> {
    const state = this.#state(batch.topic)
    const outcome = await this.#publish(batch, state, epoch)
    if (!outcome) return nothing
    let settled: Settled
    try {
      settled = await this.#settle(batch, outcome)
    } catch (error) {
      return this.#replaced(error)
    }
    if (outcome.fenced) this.#forgetChecks()
    const published = outcome.accepted.size
    const progress = settled.passed > 0
    // Others may wait behind what had failed.
    const hadFailed = state.backoff.failures > 0
    if (progress) state.backoff.succeed()
    else if (batch.rows.length > 0) state.backoff.fail()
    const more = progress && (batch.more || hadFailed || settled.passed < batch.rows.length)
    return { published, held: settled.held.length, more }
  }

  /** Publishes a batch; `undefined` when nothing is known of what became of it. */
  async #publish(batch: Batch, state: TopicState, epoch: number): Promise<Outcome | undefined> {
    const { broker, caller, producer, batchRows } = this.#options
    const { topic } = batch
    const events = publication(batch, { id: producer, epoch })
    if (events.length === 0) return outcomeOf(batch, [])
    try {
      const answers = await this.#within(broker.publish(caller, { topic, events }))
      state.maxRows = Math.min(batchRows, state.maxRows * 2)
      for (const answer of answers) if (answer.status === 'stored') this.#lives.saw(topic, answer.position)
      return outcomeOf(batch, answers)
    } catch (error) {
      if (error instanceof TidingsError && perhapsOneEvent.has(error.code)) {
        if (events.length === 1) return refusedAlone(batch, error)
        state.maxRows = Math.max(1, Math.floor(publishable(batch).length / 2))
      }
      this.#fail(topic, error)
      return undefined
    }
  }

  /** Writes down what the broker answered, as long as nobody else has become the owner. */
  async #settle(batch: Batch, outcome: Outcome): Promise<Settled> {
    const waits = batch.rows.some(({ fate }) => fate === 'wait')
    if (outcome.accepted.size + outcome.refused.size === 0 && !waits) return { held: [], passed: 0 }
    const settled = await batch.settle(outcome, this.#options.environment)
    for (const { topic, key, id, code, reason } of settled.held) {
      const text = key && new TextDecoder().decode(key)
      const message = `Event ${id} of ${topic}${text === null ? '' : ` (key ${text})`} was refused as ${code}: ${reason} It is held with later ones of its key until it is released.`
      this.#options.alarm({ alarm: 'held', message, topic, key: text, id, code })
    }
    return settled
  }

  #within<Result>(promise: Promise<Result>): Promise<Result> {
    const { environment, publishTimeoutMs: timeoutMs } = this.#options
    return within(promise, {
      environment,
      timeoutMs,
      signal: this.#stop.signal,
      late: () => new TidingsError('unavailable', `The broker did not answer within ${timeoutMs} ms.`),
      aborted: () => new TidingsError('stopped', 'The outbox was stopped before the broker answered.'),
    })
  }

  #fail(topic: string, error: unknown): void {
    const { backoff } = this.#state(topic)
    const isFirst = backoff.failures === 0
    backoff.fail()
    if (!isFirst || !(error instanceof TidingsError) || error.retryable) return
    this.#options.alarm({
      alarm: 'failing',
      message: `Nothing can be published to ${topic}: ${error.message}`,
      topic,
      error,
    })
  }
}

function add(left: TickReport, right: TickReport): TickReport {
  return { published: left.published + right.published, held: left.held + right.held, more: left.more || right.more }
}
