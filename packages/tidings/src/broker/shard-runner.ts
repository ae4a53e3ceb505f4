import type { LedgerEntry, LedgerId, LedgerRange, LogRecord, Ownership } from '../engine/index.ts'
import type { Event } from '../event/index.ts'
import {
  DeliveryMachine,
  editKey,
  readEdit,
  type Entry,
  type Load,
  type Moment,
  type ReplayEffects,
  type ShardCommit,
} from '../delivery/index.ts'
import { editedRecord, type EditedRecord } from './edits.ts'
import { moment } from './gate.ts'
import { LogReader, type ShardPage } from './log-reader.ts'
import type { ShardRunnerOptions } from './shard-options.ts'
import { seekShard, sweepShard } from './shard-seek.ts'
import { isFull, loadStored, ShardLedger } from './shard-ledger.ts'

const pageSize = 500
/** Hints may be lost, so an idle shard looks at the log this often by itself. */
const lookAgainMs = 5_000

/** Runs the delivery machine of one shard and priority over an engine: owns it, feeds it, commits for it, tells it the time. */
export class ShardRunner {
  readonly machine: DeliveryMachine
  readonly ownership: Ownership
  readonly log: LogReader
  /** As of the last durable commit. */
  floor: number
  generation: number
  readonly #options: ShardRunnerOptions
  readonly #ledger: ShardLedger
  readonly #stopWatching: () => void
  #reading: Promise<void> | undefined
  #readAgain = false
  /** Nothing more was there at the last look, and nobody has hinted at more since. */
  #atEnd = false
  #cancelTimer: () => void = () => undefined
  #comingBack = false
  #busy: Promise<unknown> = Promise.resolve()
  #stopped = false

  private constructor(options: ShardRunnerOptions, machine: DeliveryMachine, ownership: Ownership) {
    const { engine, environment, topic, subscription } = options
    this.#options = options
    this.log = new LogReader(options)
    this.machine = machine
    this.ownership = ownership
    this.floor = machine.state.floor()
    this.generation = machine.state.generation
    this.#stopWatching = engine.log.watch(topic, () => this.readOn())
    this.#ledger = new ShardLedger({
      engine,
      environment,
      ownership,
      subscription,
      take: () => machine.takeCommit(),
      onCommitted: (commit) => this.#advance(commit),
      onFailed: (error) => this.#lose(error),
    })
  }

  static async start(options: ShardRunnerOptions): Promise<ShardRunner> {
    const { engine, topic, subscription, ledger: shard, policy, filter, outage, environment } = options
    const id: LedgerId = { namespace: topic.namespace, ledger: subscription, shard }
    const ownership = await engine.ledger.own(id)
    const machine = new DeliveryMachine(
      { shard, epoch: ownership.epoch, policy, filter, outage, random: environment.random },
      await loadStored(options, id),
      moment(environment),
    )
    const runner = new ShardRunner(options, machine, ownership)
    machine.state.unsaved.touch()
    await runner.commit()
    if (machine.state.sweeping) await sweepShard(machine, runner.#ledger)
    runner.readOn()
    return runner
  }

  get priority(): number {
    return this.#options.priority
  }

  /** The priority that an event has. */
  priorityOf(event: Event): number {
    return this.#options.priorities.of(event)
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
    if (this.machine.state.unsaved.dirty) this.commit().catch(() => undefined)
    void this.#comeBack()
    this.#setTimer()
  }

  #setTimer(): void {
    this.#cancelTimer()
    const now = this.now()
    const delayMs = Math.min(this.machine.nextDueAt(now) - now.monotonic, lookAgainMs)
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
    while (this.#readAgain && this.machine.intake.hungry && !this.#stopped) {
      this.#readAgain = false
      try {
        const page = await this.nextPage()
        if (page?.until === this.machine.state.cursor) {
          this.#atEnd = !this.#readAgain
          continue
        }
        if (page) this.machine.intake.offer(page.records, page.until, this.now(), page.gaps)
        this.#readAgain = true
      } catch (error) {
        return this.#lose(error as Error)
      }
      this.#options.onMovement()
    }
  }

  /** What comes next, at most up to an offset; `undefined` where the shard is somewhere else by now. */
  async nextPage(through = Infinity): Promise<ShardPage | undefined> {
    const { generation, cursor } = this.machine.state
    const { priority, priorities } = this.#options
    const { until, ...page } = await this.log.next({ after: cursor, limit: pageSize, through })
    const isThere = this.machine.state.generation === generation && this.machine.state.cursor === cursor
    return isThere && !this.#stopped ? { ...priorities.part(priority, page), until } : undefined
  }

  /** The event of an entry, from memory or from the log; `undefined` when it is not there any more. */
  async hydrate(entry: Entry): Promise<LogRecord | undefined> {
    const record = entry.record ?? (await this.log.fetch(entry.offset))
    if (record) entry.record = entry.edit === undefined ? record : ((await this.edited(record)) ?? record)
    return entry.record
  }

  /** The event as an operator rewrote it for this subscription; `undefined` where nobody did. */
  async edited(record: LogRecord): Promise<EditedRecord | undefined> {
    const key = editKey(record.offset)
    const [entry] = await this.list({ from: key, to: `${key}!` }, 1)
    return entry && editedRecord(record, readEdit(entry))
  }

  /** Lets go of all payloads of a key: they were erased. */
  forget(key: string): void {
    this.log.erased()
    for (const entry of this.machine.state.queues.get(key)?.entries ?? []) delete entry.record
  }

  // ------------------------------------------------------------------------------------------------------------ aside

  /** Reads back from the ledger what may go on; one reader at a time. */
  async #comeBack(): Promise<void> {
    if (this.#comingBack || this.#stopped) return
    this.#comingBack = true
    try {
      await this.#alone(async () => {
        for (let load = this.#nextLoad(); load; load = this.#nextLoad()) {
          await this.commit()
          this.machine.loaded(load, await this.#ledger.load(load.range, load.limit))
          this.#options.onMovement()
        }
      })
    } catch (error) {
      if (!isFull(error)) this.#lose(error as Error)
    } finally {
      this.#comingBack = false
    }
  }

  #nextLoad(): Load | undefined {
    return this.#stopped ? undefined : this.machine.nextLoad(this.now())
  }

  /** Does something that reads the ledger and changes what it says, after what others of the kind have begun. */
  #alone<Result>(action: () => Promise<Result>): Promise<Result> {
    const run = this.#busy.then(action)
    this.#busy = run.catch(() => undefined)
    return run
  }

  /** Finds entries by their keys, and tells the machine to do something with each; durable when it resolves. */
  act(keys: readonly string[], action: (entry: LedgerEntry) => void): Promise<readonly LedgerEntry[]> {
    return this.#alone(async () => {
      let seen = await this.#look(keys)
      // Nothing comes between this comparison and the action: what left its place meanwhile is not acted on there.
      while (seen.returns !== this.machine.state.returns) seen = await this.#look(keys)
      for (const entry of seen.found) action(entry)
      this.#options.onMovement()
      await this.commit()
      return seen.found
    })
  }

  /** Entries as they stand in the ledger, and in memory: nothing has left its place since. */
  async find(keys: readonly string[]): Promise<readonly LedgerEntry[]> {
    for (;;) {
      const { found, returns } = await this.#look(keys)
      if (returns === this.machine.state.returns) return found
    }
  }

  /** Entries as they stand in the ledger, and how often something had left its place when it was read. */
  async #look(keys: readonly string[]): Promise<{ readonly found: readonly LedgerEntry[]; readonly returns: number }> {
    await this.commit()
    const { returns } = this.machine.state
    const found: LedgerEntry[] = []
    for (const key of keys) found.push(...(await this.#ledger.load({ from: key, to: `${key}!` }, 1)))
    return { found, returns }
  }

  /** A page of a range of the ledger, with everything in it that changed until now. */
  async list(range: LedgerRange, limit: number): Promise<readonly LedgerEntry[]> {
    await this.commit()
    return this.#ledger.load(range, limit)
  }

  /** Begins a new generation after `start`, and reads from there. */
  seek(start: number, effects: ReplayEffects): Promise<void> {
    return this.#alone(async () => {
      try {
        await seekShard(this.machine, this.#ledger, { start, effects })
        this.readOn()
        this.#options.onMovement()
      } catch (error) {
        // Before the new generation has begun nothing has changed; afterwards only a new start can finish it.
        if (this.machine.state.sweeping) this.#lose(error as Error)
        else this.machine.seeking.end()
        throw error
      }
    })
  }

  // ------------------------------------------------------------------------------------------------------- committing

  /** Resolves once everything that changed until now is durable. Whatever changes meanwhile shares the next commit. */
  commit(): Promise<void> {
    return this.#ledger.commit()
  }

  #advance({ floor, generation }: ShardCommit): void {
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
    this.#ledger.stop()
  }

  /** Commits what is open and lets go. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    await this.commit().catch(() => undefined)
    this.#end()
    await this.#reading?.catch(() => undefined)
  }
}
