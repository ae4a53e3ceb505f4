import { parseStructured, formatStructured, type Event } from '../event/index.ts'
import { answerKey, answerRange } from '../delivery/index.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { LedgerEntry } from '../engine/index.ts'
import type { TaskResult } from './port/deliveries.ts'
import type { Publisher } from './publisher.ts'
import type { ShardRunner } from './shard-runner.ts'

/** An answer on its way to the topic of who asked. */
export interface Answer {
  readonly topic: string
  readonly event: Event
}

export type Decision =
  | { readonly accepted: TaskResult | undefined }
  /** Why not, in words. */
  | { readonly refused: string }

const encoder = new TextEncoder()
const pageSize = 1_000
const retryMs = 1_000
/** More answers than one ownership gives; an epoch times this stays a safe integer for two million ownerships. */
const answersPerEpoch = 2 ** 32

/** The topic that a task wants its answer in; `undefined` where it asks for none. */
export function replyTopicOf({ extensions }: Event): string | undefined {
  const topic = extensions?.['replyto']
  return typeof topic === 'string' ? topic : undefined
}

/** The answer that a task asked for. `position` is that of the task: with the subscription it makes the identity. */
export function answerOf(
  task: Event,
  decision: Decision,
  { subscription, position, now }: { readonly subscription: string; readonly position: string; readonly now: number },
): Answer | undefined {
  const topic = replyTopicOf(task)
  if (topic === undefined) return undefined
  const { correlationid = task.id, traceparent, tracestate } = task.extensions ?? {}
  const content =
    'refused' in decision
      ? {
          type: `${task.type}.refused`,
          datacontenttype: 'application/json',
          data: encoder.encode(JSON.stringify({ reason: decision.refused })),
        }
      : { type: `${task.type}.accepted`, ...decision.accepted }
  const event: Event = {
    id: position,
    source: subscription,
    ...content,
    ...(task.key === undefined ? {} : { key: task.key }),
    time: new Date(now).toISOString(),
    extensions: {
      correlationid,
      causationid: task.id,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(tracestate === undefined ? {} : { tracestate }),
    },
  }
  return { topic, event }
}

interface Owed extends Answer {
  readonly counter: number
}

export interface AnswersOptions {
  readonly shard: ShardRunner
  readonly subscription: string
  readonly environment: Environment
  /** Of a topic that takes answers; `undefined` where there is none of this name any more. */
  readonly publisher: (topic: string) => Promise<Publisher | undefined>
}

/**
 * The answers that one shard owes. An answer is written to the ledger in the commit that settles its task: both or
 * neither. From there it is appended to its topic, in order and with a counter that never comes twice, so that whoever
 * repeats it after a crash, however late, stores nothing; then its row goes.
 */
export class Answers {
  readonly #options: AnswersOptions
  readonly #owed: Owed[] = []
  #count = 0
  #turn: Promise<void> = Promise.resolve()
  #cancelRetry: () => void = () => undefined
  #stopped = false

  constructor(options: AnswersOptions) {
    this.#options = options
  }

  /** Takes up what an owner before committed and may not have appended. */
  async load(): Promise<void> {
    for (let { from } = answerRange as { from: string }; ;) {
      const page = await this.#options.shard.list({ from, to: answerRange.to }, pageSize)
      this.#owed.push(...page.map(readOwed))
      if (page.length < pageSize) break
      from = `${page.at(-1)!.key}!`
    }
    void this.flush()
  }

  /** Writes an answer into the next commit; nothing else may be awaited between this and the settle of its task. */
  owe(answer: Answer): void {
    const { shard } = this.#options
    const counter = shard.ownership.epoch * answersPerEpoch + ++this.#count
    this.#owed.push({ ...answer, counter })
    shard.machine.state.unsaved.write(answerKey(counter), writeOwed(answer))
  }

  /** Appends what is owed and committed; what is out of reach is tried again later. */
  flush(): Promise<void> {
    this.#cancelRetry()
    this.#turn = this.#turn.then(() => this.#flush()).catch((error: unknown) => this.#retry(error))
    return this.#turn
  }

  async #flush(): Promise<void> {
    const { shard } = this.#options
    while (this.#owed.length > 0) {
      const { topic } = this.#owed[0]!
      const end = this.#owed.findIndex((owed) => owed.topic !== topic)
      const batch = this.#owed.slice(0, end < 0 ? pageSize : Math.min(end, pageSize))
      // Whatever is told to the requester must be settled for good.
      await shard.commit()
      const done = await this.#append(topic, batch)
      for (const { counter } of this.#owed.splice(0, done)) shard.machine.state.unsaved.write(answerKey(counter), null)
    }
  }

  /** Answers how many of the batch need no more attention, at least one. */
  async #append(topic: string, batch: readonly Owed[]): Promise<number> {
    const publisher = await this.#options.publisher(topic)
    // Whoever removed the topic does not wait for answers.
    if (!publisher) return batch.length
    const { shard, subscription } = this.#options
    const stamp = { id: `$answer.${subscription}.${shard.ownership.id.shard}`, epoch: 1 }
    const answers = await publisher.publish(
      batch.map(({ event, counter }) => ({ event, producer: { ...stamp, counter } })),
      { own: true, principal: subscription },
    )
    const behind = answers.findIndex((answer) => answer.status === 'refused' && answer.code === 'behind-refused')
    return behind < 0 ? batch.length : behind
  }

  #retry(error: unknown): void {
    const passes = error instanceof TidingsError && ['unavailable', 'store-full'].includes(error.code)
    // Otherwise this owner is at its end, and the next one takes up what is owed.
    if (this.#stopped || !passes) return
    this.#cancelRetry = this.#options.environment.timers.after(retryMs, () => void this.flush())
  }

  async stop(): Promise<void> {
    if (this.#owed.length > 0) await this.flush()
    this.#stopped = true
    this.#cancelRetry()
  }
}

function writeOwed({ topic, event }: Answer): string {
  return JSON.stringify({ v: 1, topic, event: formatStructured(event, { base64: true }) })
}

function readOwed({ key, value }: LedgerEntry): Owed {
  const { v, topic, event } = JSON.parse(value) as { v: number; topic: string; event: string }
  if (v === 1)
    return { counter: Number(key.slice(key.indexOf('/') + 1)), topic, event: parseStructured(encoder.encode(event)) }
  throw new TidingsError(
    'store-version',
    `An answer in the ledger has the format ${v}; this version of Tidings reads format 1. Use a newer version.`,
  )
}
