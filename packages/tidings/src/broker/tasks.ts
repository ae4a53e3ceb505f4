import { TidingsError } from '../errors.ts'
import type { Environment } from '../environment/index.ts'
import type { Event, Position } from '../event/index.ts'
import { parseLeaseToken, type LeaseToken, type SettleAction, type SettleStatus } from '../delivery/index.ts'
import { answerOf, Answers, replyTopicOf, type AnswersOptions, type Decision } from './answers.ts'
import { checkEvent } from './check-event.ts'
import type { Outcome } from './port/deliveries.ts'
import type { ShardRunner } from './shard-runner.ts'

export interface TasksOptions extends Omit<AnswersOptions, 'shard' | 'subscription'> {
  readonly definition: { readonly subscription: string }
  readonly shards: readonly ShardRunner[]
  readonly environment: Environment
  readonly position: (offset: number) => Position
  readonly maxPayloadBytes: number
}

interface Conclusion {
  readonly shard: ShardRunner
  readonly token: LeaseToken
  readonly outcome: Outcome
}

/** What makes a subscription to a task topic different: whoever asked gets one answer to each task. */
export class Tasks {
  readonly #options: TasksOptions
  readonly #answers: ReadonlyMap<ShardRunner, Answers>
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: TasksOptions) {
    this.#options = options
    this.#answers = new Map(
      options.shards.map((shard) => [shard, new Answers({ ...options, ...options.definition, shard })]),
    )
  }

  async load(): Promise<void> {
    for (const answers of this.#answers.values()) await answers.load()
  }

  /**
   * Settles, one call after the other up to the point where the machine was told, because the tasks may have to be
   * fetched before; resolves when the answers are in their topics, or at least in the ledger.
   */
  async settle<Answered>(outcomes: readonly Outcome[], settle: () => Promise<Answered>): Promise<Answered> {
    for (const outcome of outcomes) this.#checkResult(outcome)
    let settled: Promise<Answered> | undefined
    const turn = this.#turn.then(async () => {
      await this.#fetch(outcomes)
      settled = settle()
      settled.catch(() => undefined)
    })
    this.#turn = turn.catch(() => undefined)
    await turn
    const answered = await settled!
    await this.flush()
    return answered
  }

  async #fetch(outcomes: readonly Outcome[]): Promise<void> {
    for (const { lease } of outcomes) {
      const token = parseLeaseToken(lease)
      const shard = token && this.#options.shards[token.shard]
      const entry = token && shard?.machine.state.entries.get(token.offset)
      if (entry && !entry.record) await shard!.hydrate(entry)
    }
  }

  #checkResult(outcome: Outcome): void {
    if (outcome.action !== 'ack' || !outcome.result) return
    const probe: Event = { id: 'result', source: 'result', type: 'result', ...outcome.result }
    checkEvent(probe, { topic: 'result', kind: 'event', maxPayloadBytes: this.#options.maxPayloadBytes })
  }

  /** Tells the machine what became of one task, and writes the answer into the same commit. */
  conclude({ shard, token, outcome }: Conclusion): SettleStatus {
    const { state } = shard.machine
    const settle = (action: SettleAction): SettleStatus => shard.machine.settle(token, action, shard.now())
    const entry = state.entries.get(token.offset)
    const task = entry?.record?.event
    if (outcome.action !== 'ack' && outcome.action !== 'refuse') return settle(outcome)
    // Nobody would ever see the reason of a task that asks for no answer.
    if (outcome.action === 'refuse' && !(task && replyTopicOf(task))) {
      return settle({ action: 'dead-letter', reason: outcome.reason })
    }
    // A replay was acknowledged before, and its answer is given.
    const answered = entry !== undefined && shard.machine.replay(entry) !== undefined
    const status = settle({ action: 'ack' })
    const decision = outcome.action === 'refuse' ? { refused: outcome.reason } : { accepted: outcome.result }
    if (status === 'settled' && task && !answered) this.answer({ shard, task, offset: token.offset }, decision)
    return status
  }

  /** Owes an answer where one is asked for; in the commit of whatever else changes at this moment. */
  answer(
    { shard, task, offset }: { readonly shard: ShardRunner; readonly task: Event; readonly offset: number },
    decision: Decision,
  ): void {
    const { definition, position, environment } = this.#options
    const { subscription } = definition
    const answer = answerOf(task, decision, { subscription, position: position(offset), now: environment.clock.now() })
    if (answer) this.#answers.get(shard)!.owe(answer)
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#answers.values()].map((answers) => answers.flush()))
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#answers.values()].map((answers) => answers.stop()))
  }
}

/** Words of task topics at a subscription to another kind, before anything takes effect. */
export function refuseTaskWords(outcomes: readonly Outcome[], topic: string): void {
  for (const outcome of outcomes) {
    if (outcome.action !== 'refuse' && !('result' in outcome && outcome.result)) continue
    const what = outcome.action === 'refuse' ? '"refuse"' : 'a "result"'
    throw new TidingsError(
      'bad-request',
      `${topic} is no task topic, and nobody waits for ${what}; acknowledge without.`,
    )
  }
}
