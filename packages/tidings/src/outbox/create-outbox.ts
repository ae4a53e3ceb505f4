import type { Database, DatabaseTransaction, Transaction } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import { sleep, systemEnvironment, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { Backoff } from './backoff.ts'
import { listHeld } from './held.ts'
import { keyBytes } from './key-bytes.ts'
import { DatabaseKeys, type OutboxKeys } from './keys.ts'
import type { Outbox, OutboxOptions } from './outbox.ts'
import { Ownership } from './ownership.ts'
import type { Pending } from './pending.ts'
import { Relay } from './relay.ts'
import { Lister, type Listing, type ListingReport } from './relist.ts'
import type { HeldEvent, OutboxAlarm, OutboxStats, TickReport } from './report.ts'
import { readSource, Restoration } from './restoration.ts'
import { raiseSourceEpoch } from './restore.ts'
import type { OutboxRows } from './rows.ts'
import { tablesOf, type OutboxTables } from './tables.ts'
import { oldestUnsent, Watch } from './watch.ts'
import { Writer } from './writer.ts'

const stopGraceMs = 1_000
/** From so many looks on that found nothing, 10 s where nothing is said, the relay looks less often. */
const idleLooks = 50
/** In one round; so many are worth going on at once. */
const manyRows = 100
const longestPauseMs = 10

/** The transactional outbox of a service: events are written in the commit that causes them, and a relay publishes them. */
export function createOutbox(options: OutboxOptions): Outbox {
  return new RelayedOutbox(options)
}

class RelayedOutbox implements Outbox {
  readonly keys: OutboxKeys
  readonly #options: OutboxOptions
  readonly #database: Database
  readonly #environment: Environment
  readonly #tables: OutboxTables
  readonly #rows: OutboxRows
  readonly #writer: Writer
  readonly #ownership: Ownership
  readonly #relay: Relay
  readonly #lister: Lister
  readonly #watch: Watch
  readonly #databaseBackoff: Backoff
  readonly #restoration: Restoration
  #starting: Promise<void> | undefined
  /** Whether the loop runs. */
  #running = false
  #loop: Promise<void> | undefined
  #ticking: Promise<TickReport> | undefined
  /** Ends the pause between two rounds. */
  #pause = new AbortController()
  #woken = false
  /** Aborted from `stop` to the next start. */
  #stopping = new AbortController()
  /** Looks in a row that found nothing. */
  #idle = 0

  constructor(options: OutboxOptions) {
    const { database, broker, caller, environment = systemEnvironment, alarmAfterMs = 60_000 } = options
    const alarm = (raised: OutboxAlarm): void => this.#alarm(raised)
    this.#options = options
    this.#database = database
    this.#environment = environment
    this.#tables = tablesOf(database)
    this.#rows = this.#tables.rows(database)
    const { statements } = this.#tables
    const rows = this.#rows
    this.#writer = new Writer({ environment, tables: this.#tables })
    const onPublished = (): void => this.wake()
    const ensureBegun = (): void => this.#ensureBegun()
    this.keys = new DatabaseKeys({ database, statements, rows, writer: this.#writer, ensureBegun, onPublished })
    this.#ownership = new Ownership({
      database,
      environment,
      takeoverMs: options.takeoverMs ?? 10_000,
      rows,
      statements,
    })
    this.#relay = new Relay({
      database,
      broker,
      caller,
      environment,
      ownership: this.#ownership,
      rows,
      statements,
      producer: `${options.service}:0`,
      topics: options.topics ?? [],
      batchRows: options.batchRows ?? 500,
      batchBytes: options.batchBytes ?? 1_048_576,
      publishTimeoutMs: options.publishTimeoutMs ?? 30_000,
      alarm,
      restored: () => this.#restoration.mayBeDue(),
      topicUnknown: () => options.onTopicUnknown?.(),
    })
    this.#lister = new Lister({ database, broker, caller, writer: this.#writer, statements })
    this.#watch = new Watch({
      rows,
      environment,
      alarmAfterMs,
      alarm: (alarm) => this.#alarm(alarm),
    })
    this.#databaseBackoff = new Backoff(environment)
    this.#restoration = new Restoration({
      database,
      statements,
      environment,
      alarm,
      onRestored: options.onRestored,
    })
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    await this.prepare()
    this.#running = true
    this.#watch.start()
    this.#loop = this.#run()
  }

  async prepare(): Promise<void> {
    this.#stopping = new AbortController()
    await this.#database.migrate(this.#tables.migrations)
    const { nameService } = this.#tables.statements
    if (nameService !== undefined) {
      await ownTransaction(this.#database, (transaction) => transaction.query(nameService, [this.#options.service]))
    }
    await this.#ownership.begin()
    if (await this.#rows.isElsewhere())
      await ownTransaction(this.#database, (transaction) => this.#settleIn(transaction))
    this.#restoration.mayBeDue()
  }

  async #settleIn(transaction: Transaction): Promise<void> {
    await this.#ownership.ensure(transaction)
    await this.#rows.continueHere(transaction)
    await raiseSourceEpoch(transaction, this.#tables.statements, this.#environment)
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined)
    this.#starting = undefined
    this.#running = false
    this.#stopping.abort('stopped')
    this.wake()
    const cancel = this.#environment.timers.after(stopGraceMs, () => this.#relay.abort())
    await Promise.all([
      this.#loop,
      this.#ticking?.catch(() => undefined),
      this.#restoration.ended(),
      this.#watch.stop(),
    ])
    cancel()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async flush(transaction: DatabaseTransaction, pending: Pending): Promise<number> {
    this.#ensureBegun()
    return this.#writer.flush(transaction, pending)
  }

  #ensureBegun(): void {
    if (this.#ownership.hasBegun) return
    throw new TidingsError(
      'stopped',
      'The outbox was never started; start it before anything is written, so that a restored database shows.',
    )
  }

  wake(): void {
    this.#woken = true
    // After the database has failed, hints do not shorten the wait.
    if (this.#databaseBackoff.waitMs === 0 || !this.#running) this.#pause.abort('woken')
  }

  tick(): Promise<TickReport> {
    this.#ticking ??= this.#tick().finally(() => {
      this.#ticking = undefined
    })
    return this.#ticking
  }

  relist(listing: Listing): Promise<ListingReport> {
    return this.#lister.relist(listing, () => {
      this.wake()
      if (this.#stopping.signal.aborted)
        throw new TidingsError(
          'stopped',
          'The outbox was stopped in the middle of a listing, which goes on after its next start.',
        )
    })
  }

  held({ after = 0, limit = 100 }: { readonly after?: number; readonly limit?: number } = {}): Promise<
    readonly HeldEvent[]
  > {
    return listHeld(this.#database, this.#tables, { after, limit })
  }

  async release({ topic, key }: { readonly topic: string; readonly key: string | null }): Promise<number> {
    const held = { topic, key: key === null ? null : keyBytes(key) }
    const released = await ownTransaction(this.#database, (transaction) => this.#rows.release(transaction, held))
    this.wake()
    return released
  }

  async discard(id: number): Promise<boolean> {
    const { discard } = this.#tables.statements
    const discarded = await ownTransaction(this.#database, (transaction) => transaction.query(discard, [id]))
    return discarded.length > 0
  }

  async stats(): Promise<OutboxStats> {
    const { statements } = this.#tables
    const { sourceepoch, listed } = await readSource(this.#database, statements)
    const [held] = await this.#database.query<{ count: number }>(statements.countHeld)
    return {
      pending: await this.#rows.count(),
      oldestUnsentMs: await oldestUnsent(this.#rows, this.#environment),
      held: held!.count,
      owner: await this.#ownership.isPresent(),
      sourceepoch,
      listing: listed < sourceepoch,
    }
  }

  // --------------------------------------------------------------------------------------------------------- the rounds

  async #run(): Promise<void> {
    while (this.#running) {
      this.#woken = false
      const begunAt = this.#environment.clock.monotonic()
      const report = await this.tick().catch(() => undefined)
      const roundMs = this.#environment.clock.monotonic() - begunAt
      const passed = report ? report.published + report.held : 0
      this.#idle = report && passed === 0 ? this.#idle + 1 : 0
      if (!this.#running) return
      if (!report?.more) await this.#rest(roundMs)
      else if (passed < manyRows) await this.#giveWay(roundMs)
    }
  }

  /**
   * After a round for a few rows as long a pause: half of the time is for those who commit, and what they commit by then
   * goes together.
   */
  async #giveWay(roundMs: number): Promise<void> {
    await sleep(this.#environment, Math.min(longestPauseMs, roundMs), this.#stopping.signal)
  }

  async #tick(): Promise<TickReport> {
    try {
      const report = await this.#relay.tick()
      this.#databaseBackoff.succeed()
      if (this.#ownership.epoch !== undefined) await this.#restoration.list()
      return report
    } catch (error) {
      if (this.#databaseBackoff.failures === 0) {
        const message = `The relay cannot use its database: ${error instanceof Error ? error.message : String(error)}`
        this.#alarm({ alarm: 'database-failing', message, error })
      }
      this.#databaseBackoff.fail()
      throw error
    }
  }

  /** Until something was committed or the time has come to look. */
  async #rest(roundMs: number): Promise<void> {
    const { pollMs = 200 } = this.#options
    const failedMs = this.#databaseBackoff.waitMs
    if (this.#woken && failedMs === 0) return this.#giveWay(roundMs)
    this.#pause = new AbortController()
    // Where nothing has come for a while it costs little: five times as long between two looks.
    const lookMs = this.#idle > idleLooks ? pollMs * 5 : pollMs
    const delayMs = failedMs > 0 ? failedMs : Math.min(lookMs, Math.max(1, this.#relay.retryMs ?? lookMs))
    await sleep(this.#environment, delayMs, this.#pause.signal)
  }

  #alarm(alarm: OutboxAlarm): void {
    try {
      this.#options.onAlarm(alarm)
    } catch {
      // Whoever is told must not be able to stop the relay by failing.
    }
  }
}
