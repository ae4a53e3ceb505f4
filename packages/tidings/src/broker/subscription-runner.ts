import { TidingsError } from '../errors.ts'
import type { Engine, TopicId } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import { formatPosition, formatSequence, type Event } from '../event/index.ts'
import { formatLeaseToken, parseLeaseToken, type Entry, type SettleStatus } from '../delivery/index.ts'
import type { StoredSubscription, StoredTopic } from './catalog.ts'
import type {
  Delivery,
  DeliveryStream,
  Outcome,
  PullAnswer,
  SettleAnswer,
  StreamProgress,
  StreamRequest,
} from './port.ts'
import { ShardRunner } from './shard-runner.ts'

export interface SubscriptionRunnerOptions {
  readonly engine: Engine
  readonly environment: Environment
  readonly topicId: TopicId
  readonly topic: StoredTopic
  readonly incarnation: string
  readonly definition: StoredSubscription
  readonly onLost: (error: Error) => void
}

interface Stream {
  readonly holder: string
  readonly request: StreamRequest
  credit: number
  /** Deliveries reach their holder in the order in which they were claimed. */
  delivering: Promise<void>
  open: boolean
}

interface Puller {
  readonly max: number
  readonly leaseMs: number
  readonly answer: (deliveries: Promise<Delivery[]>) => void
}

/** Everything that one server does for one subscription: its shards, those who pull, those who stream. */
export class SubscriptionRunner {
  readonly shards: readonly ShardRunner[]
  readonly #options: SubscriptionRunnerOptions
  readonly #streams = new Map<string, Stream>()
  readonly #pullers = new Set<Puller>()
  #pulls = 0
  #turn = 0
  #pumping = false
  #lost: Error | undefined

  private constructor(options: SubscriptionRunnerOptions, shards: readonly ShardRunner[]) {
    this.#options = options
    this.shards = shards
  }

  static async start(options: SubscriptionRunnerOptions): Promise<SubscriptionRunner> {
    const { engine, environment, topicId, topic, definition } = options
    let runner: SubscriptionRunner | undefined
    let lostMeanwhile: Error | undefined
    const shards = await Promise.all(
      Array.from({ length: topic.shards }, (_, shard) =>
        ShardRunner.start({
          engine,
          environment,
          topic: topicId,
          subscription: definition.subscription,
          shard,
          shards: topic.shards,
          start: definition.start,
          policy: definition.policy,
          types: definition.filter.types,
          onMovement: () => runner?.pump(),
          onProgress: () => runner?.announceProgress(),
          onLost: (error) => (runner ? runner.lose(error) : (lostMeanwhile = error)),
        }),
      ),
    )
    runner = new SubscriptionRunner(options, shards)
    if (lostMeanwhile) runner.lose(lostMeanwhile)
    runner.pump()
    return runner
  }

  get consumers(): number {
    return this.#streams.size + this.#pullers.size
  }

  position(offset: number): string {
    return formatPosition(this.#options.incarnation, offset)
  }

  /** The lowest durable floor of all shards, and their generation. */
  progress(): StreamProgress {
    const floor = Math.min(...this.shards.map((shard) => shard.floor))
    return { generation: this.shards[0]!.generation, floor: this.position(floor) }
  }

  get watermark(): number {
    return Math.max(...this.shards.map((shard) => shard.machine.state.watermark))
  }

  // ------------------------------------------------------------------------------------------------------ handing out

  /** Hands out what may be handed out to whoever waits for it; called whenever anything changed. */
  pump(): void {
    if (this.#pumping || this.#lost) return
    this.#pumping = true
    try {
      for (const shard of this.shards) shard.tick()
      for (const puller of [...this.#pullers]) {
        const deliveries = this.#claim(`pull-${++this.#pulls}`, puller.max, puller.leaseMs)
        if (!deliveries) break
        this.#pullers.delete(puller)
        puller.answer(deliveries)
      }
      for (const stream of this.#streams.values()) {
        if (stream.credit > 0) this.#feed(stream)
      }
      for (const shard of this.shards) shard.followUp()
    } finally {
      this.#pumping = false
    }
  }

  #feed(stream: Stream): void {
    const before = stream.credit
    const deliveries = this.#claim(stream.holder, before, undefined, (count) => (stream.credit -= count))
    if (!deliveries) return
    stream.delivering = stream.delivering
      .then(async () => {
        const batch = await deliveries
        if (stream.open && batch.length > 0) stream.request.onDeliveries(batch)
      })
      .catch((error: unknown) => this.#breakStream(stream, error as Error))
  }

  #claim(
    holder: string,
    max: number,
    leaseMs: number | undefined,
    onClaimed: (count: number) => void = () => undefined,
  ): Promise<Delivery[]> | undefined {
    const claimed: Promise<Delivery[]>[] = []
    let count = 0
    for (let turn = 0; turn < this.shards.length && count < max; turn++) {
      const shard = this.shards[(this.#turn + turn) % this.shards.length]!
      const noSuspect = this.shards.some((other) => other.machine.state.suspectInFlight !== undefined)
      const { entries, commitFirst } = shard.machine.claim(
        { holder, max: max - count, noSuspect, ...(leaseMs === undefined ? {} : { leaseMs }) },
        shard.now(),
      )
      if (entries.length === 0) continue
      count += entries.length
      claimed.push(this.#prepare(shard, entries, commitFirst))
    }
    this.#turn++
    onClaimed(count)
    return count === 0 ? undefined : Promise.all(claimed).then((batches) => batches.flat())
  }

  async #prepare(shard: ShardRunner, entries: readonly Entry[], commitFirst: boolean): Promise<Delivery[]> {
    // Leases are read before anything is awaited: afterwards they may have ended.
    const leases = entries.map((entry) => ({
      entry,
      token: shard.machine.token(entry),
      attempt: entry.attempts + (entry.counted ? 0 : 1),
    }))
    if (commitFirst) await shard.commit()
    const deliveries: Delivery[] = []
    for (const { entry, token, attempt } of leases) {
      const record = entry.record ?? (await shard.hydrate(entry))
      if (!record) {
        shard.machine.settle(
          token,
          { action: 'dead-letter', reason: 'The event was erased, trimmed or damaged before it could be delivered.' },
          shard.now(),
        )
        continue
      }
      const replay = shard.machine.replay(entry)
      deliveries.push({
        lease: formatLeaseToken(token),
        position: this.position(entry.offset),
        appendedAt: record.appendedAt,
        generation: token.generation,
        attempt,
        event: this.#versioned(record.event, record.offset),
        ...(replay ? { replay } : {}),
      })
    }
    return deliveries
  }

  /** Entity events always tell their version. */
  #versioned(event: Event, offset: number): Event {
    if (this.#options.topic.kind !== 'entity' || event.sequence?.length === 20) return event
    return { ...event, sequence: formatSequence(event.sequence ?? offset) }
  }

  async pull(request: { max: number; waitMs: number; leaseMs: number }): Promise<PullAnswer> {
    const deliveries = await new Promise<Delivery[]>((resolve, reject) => {
      let cancel: () => void = () => undefined
      const puller: Puller = {
        max: request.max,
        leaseMs: request.leaseMs,
        answer: (answer) => {
          cancel()
          answer.then(resolve, reject)
        },
      }
      this.#pullers.add(puller)
      this.pump()
      if (!this.#pullers.has(puller)) return
      const giveUp = (): void => {
        if (this.#pullers.delete(puller)) resolve([])
      }
      if (request.waitMs === 0) giveUp()
      else cancel = this.#options.environment.timers.after(request.waitMs, giveUp)
    })
    if (this.#lost) throw this.#lost
    return { ...this.progress(), deliveries }
  }

  // ---------------------------------------------------------------------------------------------------------- settling

  async settle(outcomes: readonly Outcome[], watermark: number | undefined): Promise<readonly SettleAnswer[]> {
    const touched = new Set<ShardRunner>()
    const answers = outcomes.map((outcome) => {
      const token = parseLeaseToken(outcome.lease)
      const shard = token && this.shards[token.shard]
      if (!shard) return refused(outcome.lease, 'lease-lost')
      touched.add(shard)
      if (watermark !== undefined) shard.machine.keepWatermark(watermark)
      return answer(outcome.lease, shard.machine.settle(token, outcome, shard.now()))
    })
    await this.#commit(touched)
    return answers
  }

  async renew(leases: readonly string[], leaseMs: number): Promise<readonly SettleAnswer[]> {
    const touched = new Set<ShardRunner>()
    const answers = leases.map((lease) => {
      const token = parseLeaseToken(lease)
      const shard = token && this.shards[token.shard]
      if (!shard) return refused(lease, 'lease-lost')
      touched.add(shard)
      return answer(lease, shard.machine.renew(token, leaseMs, shard.now()))
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

  async change<Result>(action: (shard: ShardRunner) => Result): Promise<Result[]> {
    const results = this.shards.map(action)
    await this.#commit(this.shards)
    return results
  }

  // ----------------------------------------------------------------------------------------------------------- streams

  async stream(request: StreamRequest): Promise<DeliveryStream> {
    const before = this.#streams.get(request.holder)
    if (before)
      this.#breakStream(before, new TidingsError('lease-lost', `Holder ${request.holder} opened another stream.`))
    const stream: Stream = { holder: request.holder, request, credit: 0, delivering: Promise.resolve(), open: true }
    this.#streams.set(request.holder, stream)
    const kept = this.shards.flatMap((shard) => [...shard.machine.present(request.holder, request.leases ?? [])])
    queueMicrotask(() => this.announceProgress(stream))
    return {
      kept,
      grant: (credit) => {
        stream.credit += credit
        this.pump()
      },
      close: async () => {
        if (!this.#end(stream)) return
        for (const shard of this.shards) shard.machine.detach(stream.holder)
        await this.#commit(this.shards).catch(() => undefined)
      },
      abandon: () => {
        if (!this.#end(stream)) return
        for (const shard of this.shards) shard.machine.abandon(stream.holder, shard.now())
        this.pump()
      },
    }
  }

  #end(stream: Stream): boolean {
    if (!stream.open) return false
    stream.open = false
    if (this.#streams.get(stream.holder) === stream) this.#streams.delete(stream.holder)
    return true
  }

  #breakStream(stream: Stream, error: Error): void {
    if (this.#end(stream)) stream.request.onClosed(error)
  }

  announceProgress(only?: Stream): void {
    const progress = this.progress()
    for (const stream of only ? [only] : this.#streams.values()) {
      if (stream.open) stream.request.onProgress?.(progress)
    }
  }

  // --------------------------------------------------------------------------------------------------------- lifecycle

  /** Another server owns a shard of ours, or the store is gone: nobody here may go on. */
  lose(error: Error): void {
    if (this.#lost) return
    this.#lost = error
    for (const stream of [...this.#streams.values()]) this.#breakStream(stream, error)
    for (const puller of [...this.#pullers]) puller.answer(Promise.reject(error))
    this.#pullers.clear()
    void Promise.all(this.shards.map((shard) => shard.stop()))
    this.#options.onLost(error)
  }

  /** Returns what is leased to streams, unattempted, and commits. */
  async stop(): Promise<void> {
    const stopped = new TidingsError(
      'stopped',
      `The broker of subscription ${this.#options.definition.subscription} was stopped.`,
    )
    for (const stream of [...this.#streams.values()]) {
      for (const shard of this.shards) shard.machine.detach(stream.holder)
      this.#breakStream(stream, stopped)
    }
    for (const puller of [...this.#pullers]) puller.answer(Promise.resolve([]))
    this.#pullers.clear()
    await Promise.all(this.shards.map((shard) => shard.stop()))
    this.#lost ??= stopped
  }
}

function answer(lease: string, status: SettleStatus): SettleAnswer {
  return status === 'settled' ? { lease, status } : refused(lease, status)
}

function refused(lease: string, code: 'lease-lost' | 'lease-out-of-order'): SettleAnswer {
  const message =
    code === 'lease-lost'
      ? 'This lease has ended; the event belongs to somebody else or is settled. Nothing was changed.'
      : 'An earlier event of the same key is still leased to you; settle that one first. Nothing was changed.'
  return { lease, status: 'refused', code, message }
}
