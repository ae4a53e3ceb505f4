import { TidingsError } from '../errors.ts'
import type { Engine, TopicId } from '../engine/index.ts'
import { formatPosition, type Position } from '../event/index.ts'
import { Outage, parseLeaseToken, type LeaseToken, type SettleAction, type SettleStatus } from '../delivery/index.ts'
import type { StoredSubscription, StoredTopic } from './catalog.ts'
import { Gate } from './gate.ts'
import { handOut, type TopicView } from './hand-out.ts'
import { holdsLease, inTurn, lanesOf, startShards } from './lanes.ts'
import type {
  Delivery,
  DeliveryStream,
  Outcome,
  PullAnswer,
  SettleAnswer,
  StreamProgress,
  StreamRequest,
} from './port/deliveries.ts'
import { RedriveJobs } from './redrive-jobs.ts'
import type { ShardRunner } from './shard-runner.ts'
import { settleAnswer } from './settle-answer.ts'
import { refuseTaskWords, Tasks, type TasksOptions } from './tasks.ts'
import { Streams, type Claimed, type Puller, type Stream } from './streams.ts'

export interface SubscriptionRunnerOptions extends Pick<TasksOptions, 'environment' | 'maxPayloadBytes' | 'publisher'> {
  readonly engine: Engine
  readonly topicId: TopicId
  readonly topic: StoredTopic
  readonly incarnation: string
  readonly definition: StoredSubscription
  readonly onLost: (error: Error) => void
}

/** Everything that one server does for one subscription: its shards, those who pull, those who stream. */
export class SubscriptionRunner {
  /** One for each shard of the topic and each priority, in the order of their ledgers. */
  readonly shards: readonly ShardRunner[]
  /** The same ones by priority, what matters most first. */
  readonly lanes: readonly (readonly ShardRunner[])[]
  readonly gate: Gate
  /** Of a task topic. */
  readonly tasks: Tasks | undefined
  readonly redrives: RedriveJobs
  /** Somebody has consumed since this was set to `false`. */
  used = false
  readonly #options: SubscriptionRunnerOptions
  readonly #view: TopicView
  readonly #streams = new Streams()
  readonly #pullers = new Set<Puller>()
  #pulls = 0
  #turn = 0
  #pumping = false
  #ended: Error | undefined

  private constructor(options: SubscriptionRunnerOptions, shards: readonly ShardRunner[], outage: Outage) {
    this.#options = options
    this.#view = {
      kind: options.topic.kind,
      hasPriorities: options.definition.policy.priorities !== undefined,
      position: (offset) => this.position(offset),
    }
    this.shards = shards
    this.lanes = lanesOf(shards)
    if (options.topic.kind === 'task') this.tasks = new Tasks({ ...options, ...this.#view, shards })
    this.redrives = new RedriveJobs({ ...options, shards, subscription: this.subscription })
    this.gate = new Gate({ ...options, shards, outage, onOpen: () => this.pump() })
  }

  static async start(options: SubscriptionRunnerOptions): Promise<SubscriptionRunner> {
    // The shards call back to the runner that is made of them.
    const made: { runner?: SubscriptionRunner; lost?: Error } = {}
    const outage = new Outage(options.definition.policy)
    const shards = await startShards(options, outage, {
      onMovement: () => made.runner?.pump(),
      onProgress: () => made.runner?.announceProgress(),
      onLost: (error) => (made.runner ? made.runner.lose(error) : (made.lost = error)),
    })
    const runner = new SubscriptionRunner(options, shards, outage)
    made.runner = runner
    if (made.lost) runner.lose(made.lost)
    else await Promise.all([runner.tasks?.load(), runner.redrives.load()])
    runner.pump()
    return runner
  }

  get subscription(): string {
    return this.#options.definition.subscription
  }

  get consumers(): number {
    return this.#streams.size + this.#pullers.size
  }

  position(offset: number): Position {
    return formatPosition(this.#options.incarnation, offset)
  }

  /** The lowest durable floor of all shards, and their generation. */
  progress(): StreamProgress {
    const floor = Math.min(...this.shards.map((shard) => shard.floor))
    return { generation: this.shards[0]!.generation, floor: this.position(floor) }
  }

  announceProgress(): void {
    this.#streams.announce(this.progress())
    if (this.gate.followsSeek) this.pump()
  }

  // ------------------------------------------------------------------------------------------------------ handing out

  /** Hands out what may be handed out to whoever waits for it; called whenever anything changed. */
  pump(): void {
    if (this.#pumping || this.#ended) return
    this.#pumping = true
    try {
      for (const shard of this.shards) shard.tick()
      this.gate.look()
      for (const puller of this.#pullers) {
        const claimed = this.#claim(`pull-${++this.#pulls}`, puller.max, puller.leaseMs)
        if (!claimed) break
        this.#pullers.delete(puller)
        puller.answer(claimed.deliveries)
      }
      this.#streams.serve(this.gate, (holder, max) => this.#claim(holder, max))
      for (const shard of this.shards) shard.followUp()
      this.gate.comeBack()
    } finally {
      this.#pumping = false
    }
  }

  /**
   * Claims what matters most first; within a priority from all shards, beginning with another one each time. Suspects
   * go from one of all shards at a time.
   */
  #claim(holder: string, max: number, leaseMs?: number): Claimed | undefined {
    const deliveries: Promise<Delivery[]>[] = []
    let count = 0
    const most = Math.min(max, this.gate.allowance())
    for (const shard of this.lanes.flatMap((lane) => inTurn(lane, this.#turn))) {
      if (count >= most) break
      const noSuspects = this.shards.some((other) => other !== shard && other.machine.state.suspectsInFlight.size > 0)
      const lease = leaseMs === undefined ? {} : { leaseMs }
      const claim = shard.machine.claim({ holder, max: most - count, noSuspects, ...lease }, shard.now())
      if (claim.entries.length === 0) continue
      count += claim.entries.length
      this.#turn++
      deliveries.push(handOut(shard, claim, this.#view))
    }
    this.gate.spend(count)
    if (count === 0) return undefined
    const all = Promise.all(deliveries).then((batches) => batches.flat())
    return { count, deliveries: all, isHeld: ({ lease }) => holdsLease(this.shards, lease) }
  }

  async pull(request: { max: number; waitMs: number; leaseMs: number }): Promise<PullAnswer> {
    const { timers } = this.#options.environment
    // Somebody waits: the process must not end for want of anything else to do.
    const letGo = timers.keepAlive?.()
    const deliveries = await new Promise<Delivery[]>((resolve, reject) => {
      let cancel: () => void = () => undefined
      const answer = (claimed: Promise<Delivery[]>): void => {
        cancel()
        claimed.then(resolve, reject)
      }
      const puller: Puller = { max: request.max, leaseMs: request.leaseMs, answer }
      this.#pullers.add(puller)
      this.pump()
      if (!this.#pullers.has(puller)) return
      const giveUp = (): void => {
        if (this.#pullers.delete(puller)) resolve([])
      }
      if (request.waitMs === 0) giveUp()
      else cancel = timers.after(request.waitMs, giveUp)
    }).finally(letGo)
    if (this.#ended) throw this.#ended
    return { ...this.progress(), deliveries }
  }

  // ---------------------------------------------------------------------------------------------------------- settling

  settle(outcomes: readonly Outcome[], watermark: number | undefined): Promise<readonly SettleAnswer[]> {
    const { tasks } = this
    if (!tasks) refuseTaskWords(outcomes, this.#options.topic.topic)
    const settle = (): Promise<readonly SettleAnswer[]> =>
      this.#forEachLease(outcomes, (shard, token, outcome) => {
        if (watermark !== undefined) shard.machine.keepWatermark(watermark)
        if (tasks) return tasks.conclude({ shard, token, outcome })
        return shard.machine.settle(token, outcome as SettleAction, shard.now())
      })
    return tasks ? tasks.settle(outcomes, settle) : settle()
  }

  renew(leases: readonly string[], leaseMs: number): Promise<readonly SettleAnswer[]> {
    const requests = leases.map((lease) => ({ lease }))
    return this.#forEachLease(requests, (shard, token) => shard.machine.renew(token, leaseMs, shard.now()))
  }

  async #forEachLease<Request extends { readonly lease: string }>(
    requests: readonly Request[],
    act: (shard: ShardRunner, token: LeaseToken, request: Request) => SettleStatus,
  ): Promise<readonly SettleAnswer[]> {
    const touched = new Set<ShardRunner>()
    const answers = requests.map((request) => {
      const token = parseLeaseToken(request.lease)
      const shard = token && this.shards[token.shard]
      if (!shard) return settleAnswer(request.lease, 'lease-lost')
      touched.add(shard)
      return settleAnswer(request.lease, act(shard, token, request))
    })
    await this.#commit(touched)
    return answers
  }

  /** Waits until the changes of these shards are durable, and lets everybody move who may. */
  async #commit(shards: Iterable<ShardRunner>): Promise<void> {
    const commits = [...shards].map((shard) => shard.commit())
    this.pump()
    await Promise.all(commits)
  }

  /** The subscription was changed. */
  configure(definition: StoredSubscription): void {
    for (const shard of this.shards) shard.machine.configure(definition.policy, definition.filter)
    this.gate.configure(definition)
    this.pump()
  }

  /** Does something to every shard, durably. */
  async change<Result>(action: (shard: ShardRunner) => Result): Promise<Result[]> {
    const results = this.shards.map(action)
    await this.#commit(this.shards)
    return results
  }

  // ----------------------------------------------------------------------------------------------------------- streams

  stream(request: StreamRequest): DeliveryStream {
    if (this.#ended) throw this.#ended
    const stream = this.#streams.open(request)
    const kept = this.shards.flatMap((shard) => [
      ...shard.machine.holders.present(request.holder, request.leases ?? []),
    ])
    queueMicrotask(() => stream.open && request.onProgress?.(this.progress()))
    return {
      kept,
      grant: (credit) => {
        stream.credit += credit
        this.pump()
      },
      close: async () => {
        if (!this.#streams.end(stream)) return
        this.#detach(stream)
        await this.#commit(this.shards).catch(() => undefined)
      },
      abandon: () => {
        if (!this.#streams.end(stream)) return
        for (const shard of this.shards) shard.machine.holders.abandon(stream.holder, shard.now())
        this.pump()
      },
    }
  }

  #detach(stream: Stream): void {
    for (const shard of this.shards) shard.machine.holders.detach(stream.holder)
  }

  // --------------------------------------------------------------------------------------------------------- lifecycle

  /** Another server owns a shard of ours, or the store is gone: nobody here may go on. */
  lose(error: Error): void {
    if (this.#ended) return
    this.#ended = error
    this.redrives.end()
    this.gate.close()
    for (const stream of [...this.#streams]) this.#streams.break(stream, error)
    for (const puller of this.#pullers) puller.answer(Promise.reject(error))
    this.#pullers.clear()
    void Promise.all(this.shards.map((shard) => shard.stop()))
    this.#options.onLost(error)
  }

  /** Returns what is leased to streams, unattempted, and commits. */
  async stop(): Promise<void> {
    if (this.#ended) return
    const stopped = `The broker of subscription ${this.#options.definition.subscription} was stopped.`
    this.#ended = new TidingsError('stopped', stopped)
    this.redrives.end()
    this.gate.close()
    for (const stream of [...this.#streams]) {
      this.#detach(stream)
      this.#streams.break(stream, this.#ended)
    }
    for (const puller of this.#pullers) puller.answer(Promise.resolve([]))
    this.#pullers.clear()
    await this.tasks?.stop()
    await Promise.all(this.shards.map((shard) => shard.stop()))
  }
}
