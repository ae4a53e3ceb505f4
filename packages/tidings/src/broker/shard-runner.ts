import { TidingsError } from '../errors.ts'
import type { Engine, LedgerChange, LedgerId, LogRecord, Ownership, TopicId } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import {
  DeliveryMachine,
  exceptionRange,
  initialState,
  readException,
  readState,
  stateKey,
  type DeliveryPolicy,
  type Entry,
  type Moment,
  type ReplayEffects,
  type StoredException,
  type StoredState,
} from '../delivery/index.ts'

const pageSize = 500
const ledgerPageSize = 1_000
const commitRetryMs = 500
/** Hints may be lost, so an idle shard looks at the log this often by itself. */
const lookAgainMs = 5_000

export interface ShardRunnerOptions {
  readonly engine: Engine
  readonly environment: Environment
  readonly topic: TopicId
  readonly subscription: string
  readonly shard: number
  readonly shards: number
  readonly start: number
  readonly policy: DeliveryPolicy
  readonly types: readonly string[] | undefined
  /** Called when more may be handed out. */
  readonly onMovement: () => void
  /** Called when the committed floor or the generation moved. */
  readonly onProgress: () => void
  /** Called once when another server took the shard over. */
  readonly onLost: (error: Error) => void
}

/** Runs the delivery machine of one shard over an engine: owns it, feeds it, commits for it, tells it the time. */
export class ShardRunner {
  readonly machine: DeliveryMachine
  /** As of the last durable commit. */
  floor: number
  generation: number
  readonly #options: ShardRunnerOptions
  readonly #ownership: Ownership
  readonly #stopWatching: () => void
  #reading: Promise<void> | undefined
  #readAgain = false
  /** Nothing more was there at the last look, and nobody has hinted at more since. */
  #atEnd = false
  #committing = false
  #waiters: { resolve: () => void; reject: (error: unknown) => void }[] = []
  /** Changes that the ledger refused for want of room, to be sent again with the next. */
  #unsaved: LedgerChange[] = []
  #cancelTimer: () => void = () => undefined
  #stopped = false

  private constructor(options: ShardRunnerOptions, ownership: Ownership, machine: DeliveryMachine, floor: number) {
    this.#options = options
    this.#ownership = ownership
    this.machine = machine
    this.floor = floor
    this.generation = machine.state.generation
    this.#stopWatching = options.engine.log.watch(options.topic, () => this.readOn())
  }

  static async start(options: ShardRunnerOptions): Promise<ShardRunner> {
    const { engine, topic, subscription, shard, policy, types, environment } = options
    const id: LedgerId = { namespace: topic.namespace, ledger: subscription, shard }
    const ownership = await engine.ledger.own(id)
    const [entry] = await engine.ledger.load(id, { from: stateKey, to: `${stateKey}!` }, 1)
    const state = entry ? readState(entry.value) : initialState(options.start)
    const exceptions = await loadExceptions(engine, id)
    const open = await loadOpen(options, state)
    const machine = new DeliveryMachine(
      { shard, epoch: ownership.epoch, policy, types, random: environment.random },
      { state, exceptions, open },
      moment(environment),
    )
    const runner = new ShardRunner(options, ownership, machine, machine.state.floor())
    if (!entry) machine.state.touch()
    await runner.commit()
    runner.readOn()
    return runner
  }

  now(): Moment {
    return moment(this.#options.environment)
  }

  /** Does what is due; afterwards more may be handed out. */
  tick(): void {
    if (!this.#stopped) this.machine.tick(this.now())
  }

  /** Does what follows from a change: reads on, commits, sets the timer. */
  followUp(): void {
    if (this.#stopped) return
    if (this.machine.intake.hungry && !this.#atEnd) this.readOn()
    if (this.machine.state.dirty) this.commit().catch(() => undefined)
    this.#setTimer()
  }

  #setTimer(): void {
    this.#cancelTimer()
    const delayMs = Math.min(this.machine.nextDueAt() - this.#options.environment.clock.monotonic(), lookAgainMs)
    this.#cancelTimer = this.#options.environment.timers.after(Math.max(0, delayMs), () => {
      this.readOn()
      this.#options.onMovement()
    })
  }

  // ---------------------------------------------------------------------------------------------------------- reading

  /** Reads ahead while that helps; one reader at a time, and a hint during a read makes it look once more. */
  readOn(): void {
    if (this.#stopped) return
    this.#readAgain = true
    this.#atEnd = false
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
      if (this.#readAgain && this.machine.intake.hungry) this.readOn()
    })
  }

  async #read(): Promise<void> {
    const { engine, topic, shard, shards } = this.#options
    while (this.#readAgain && this.machine.intake.hungry && !this.#stopped) {
      this.#readAgain = false
      const { generation, cursor } = this.machine.state
      try {
        const page = await engine.log.read(topic, { after: cursor, limit: pageSize, ...(shards > 1 ? { shard } : {}) })
        if (this.#stopped || this.machine.state.generation !== generation) return
        if (page.until === cursor) {
          this.#atEnd = !this.#readAgain
          continue
        }
        const missing = shards > 1 ? page.damaged.length : page.until - cursor - page.records.length
        this.machine.intake.offer(page.records, page.until, missing)
        this.#readAgain = true
      } catch (error) {
        return this.#lose(error as Error)
      }
      this.#options.onMovement()
    }
  }

  /** Begins a new generation after `start`, and reads from there. */
  seek(start: number, effects: ReplayEffects): void {
    this.machine.seek(start, effects)
    this.readOn()
  }

  /** The event of an entry, from memory or from the log; `undefined` when it is not there any more. */
  async hydrate(entry: Entry): Promise<LogRecord | undefined> {
    if (entry.record) return entry.record
    const page = await this.#options.engine.log.read(this.#options.topic, { after: entry.offset - 1, limit: 1 })
    const record = page.records[0]
    if (record?.offset !== entry.offset || record.erased) return undefined
    entry.record = record
    return record
  }

  // ------------------------------------------------------------------------------------------------------- committing

  /** Resolves once everything that changed until now is durable. Whatever changes meanwhile shares the next commit. */
  commit(): Promise<void> {
    if (this.#stopped)
      return Promise.reject(new TidingsError('stopped', `Subscription ${this.#options.subscription} was stopped.`))
    const durable = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }))
    if (!this.#committing) void this.#commitAll()
    return durable
  }

  async #commitAll(): Promise<void> {
    this.#committing = true
    while (this.#waiters.length > 0) {
      const waiters = this.#waiters
      this.#waiters = []
      const commit = this.machine.state.takeCommit()
      const { generation } = this.machine.state
      if (commit) this.#unsaved.push(...commit.changes)
      try {
        if (this.#unsaved.length > 0)
          await this.#options.engine.ledger.commit(this.#ownership, latestOfEach(this.#unsaved))
        this.#unsaved = []
        if (commit) this.#advance(commit.floor, generation)
        for (const waiter of waiters) waiter.resolve()
      } catch (error) {
        for (const waiter of waiters) waiter.reject(error)
        if (!(error instanceof TidingsError) || error.code !== 'store-full') this.#lose(error as Error)
        else this.#options.environment.timers.after(commitRetryMs, () => void this.commit().catch(() => undefined))
      }
    }
    this.#committing = false
  }

  #advance(floor: number, generation: number): void {
    if (floor === this.floor && generation === this.generation) return
    this.floor = floor
    this.generation = generation
    this.#options.onProgress()
  }

  #lose(error: Error): void {
    if (this.#stopped) return
    this.#end()
    this.#options.onLost(error)
  }

  #end(): void {
    this.#stopped = true
    this.#cancelTimer()
    this.#stopWatching()
    const stopped = new TidingsError('stopped', `Subscription ${this.#options.subscription} was stopped.`)
    for (const waiter of this.#waiters.splice(0)) waiter.reject(stopped)
  }

  /** Commits what is open and lets go. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    await this.commit().catch(() => undefined)
    this.#end()
    await this.#reading?.catch(() => undefined)
  }
}

function moment({ clock }: Environment): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() }
}

/** A later change of an entry replaces an earlier one that was not saved. */
function latestOfEach(changes: readonly LedgerChange[]): readonly LedgerChange[] {
  return [...new Map(changes.map((change) => [change.key, change])).values()]
}

async function loadExceptions(engine: Engine, id: LedgerId): Promise<StoredException[]> {
  const exceptions: StoredException[] = []
  let from: string = exceptionRange.from
  for (;;) {
    const page = await engine.ledger.load(id, { from, to: exceptionRange.to }, ledgerPageSize)
    exceptions.push(...page.map(readException))
    const last = page.at(-1)
    if (!last || page.length < ledgerPageSize) return exceptions
    from = `${last.key}!`
  }
}

async function loadOpen({ engine, topic }: ShardRunnerOptions, state: StoredState): Promise<LogRecord[]> {
  const wanted = new Set(state.open)
  const records: LogRecord[] = []
  let after = (state.open[0] ?? 0) - 1
  while (wanted.size > 0) {
    const page = await engine.log.read(topic, { after, limit: pageSize })
    records.push(...page.records.filter(({ offset }) => wanted.has(offset)))
    if (page.until === after || page.until >= state.through) break
    after = page.until
  }
  return records
}
