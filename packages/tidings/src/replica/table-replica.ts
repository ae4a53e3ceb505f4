import { reasonOf } from '../consumer/index.ts'
import type { SqlRow, SqlValue } from '../database/index.ts'
import { Backoff } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { BuildRun } from './build-run.ts'
import { dropBuild, findConflict, insertBuild, loadBuilds, switchTo, type Build } from './build.ts'
import { Freshness } from './freshness.ts'
import type { Change, ReadEntity } from './change.ts'
import type { ReplicaParts } from './parts.ts'
import type { ReplicaStatus } from './replica.ts'
import { decodeRow } from './row-form.ts'
import { tablesOf } from './tables.ts'

export interface TableReplicaOptions {
  readonly name: string
  readonly topic: string
  readonly entity: ReadEntity
  /** The key first. */
  readonly columns: readonly string[]
  readonly table: string
  readonly freshnessMs: number | undefined
  /** Told of what was committed to a build. */
  readonly onApplied: (changes: readonly Change[]) => void
}

/**
 * A replica in a table of the service's database. It is made of builds: one that is read, and during a rebuild a second
 * one beside it, which takes its place in one commit when it is complete.
 */
export class TableReplica {
  readonly #options: TableReplicaOptions
  #parts: ReplicaParts | undefined
  #onApplied: (keys: readonly string[] | 'any') => void = () => {}
  /** The build that is read. */
  #ready: Build | undefined
  #filling: Build | undefined
  readonly #runs = new Map<number, BuildRun>()
  #freshness: Freshness | undefined
  /** Rebuilds and switches happen one after another. */
  #changing: Promise<void> = Promise.resolve()
  readonly #stopping = new AbortController()
  /** Since a rebuild or switch failed. */
  #backoff: Backoff | undefined

  constructor(options: TableReplicaOptions) {
    this.#options = options
  }

  async start(parts: ReplicaParts, onApplied: (keys: readonly string[] | 'any') => void): Promise<void> {
    this.#parts = parts
    this.#onApplied = onApplied
    const { database } = parts
    this.#refuseUnfitName(parts)
    await database.migrate(tablesOf(database.dialect).migrations)
    await this.#refuseForeignTable(parts)
    await this.#begin(parts)
    const subscription = () => (this.#ready ?? this.#filling)?.subscription
    const recheck = () => Promise.all([...this.#runs.values()].map((run) => run.recheck()))
    this.#freshness = new Freshness(parts, this.#options, subscription, recheck)
    this.#freshness.start()
  }

  async stop(): Promise<void> {
    this.#freshness?.stop()
    this.#parts = undefined
    this.#stopping.abort()
    // A switch that is under way begins a run of its own.
    await this.#changing
    await Promise.all([...this.#runs.values()].map((run) => run.stop()))
    this.#runs.clear()
    this.#ready = this.#filling = undefined
  }

  // ---------------------------------------------------------------------------------------------------------- reading

  async get(key: string | number): Promise<Record<string, unknown> | undefined> {
    const { database } = this.#readable()
    const column = database.dialect.identifier(this.#options.entity.key)
    const tables = tablesOf(database.dialect)
    const [stored] = tables.encodeValue(key)
    const [row] = await this.#select(`where ${column} = ${database.dialect.placeholder(1)}`, [stored])
    return row && decodeRow(tables, row, this.#options.columns)
  }

  async all(): Promise<Record<string, unknown>[]> {
    const tables = tablesOf(this.#readable().database.dialect)
    const rows = await this.#select('', [])
    return rows.map((row) => decodeRow(tables, row, this.#options.columns))
  }

  status(): ReplicaStatus {
    const readable = this.#ready && this.#hasColumns(this.#ready)
    const state = !this.#parts ? 'stopped' : !readable ? 'filling' : this.#filling ? 'rebuilding' : 'ready'
    const run = this.#runs.get((this.#ready ?? this.#filling)?.number ?? 0)
    return { state, lagMs: this.#freshness?.lagMs, unreadable: run?.unread ?? 0 }
  }

  async #select(where: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    const { database, table } = this.#readable()
    // All columns: a rebuild may switch to a table with others between this line and the query.
    return await database.query(`select * from ${database.dialect.identifier(table)} ${where}`, values)
  }

  #readable(): { database: ReplicaParts['database']; table: string } {
    if (this.#parts && this.#ready && this.#hasColumns(this.#ready)) {
      return { database: this.#parts.database, table: this.#ready.presentTable }
    }
    const { name } = this.#options
    throw new TidingsError(
      'replica-not-ready',
      this.#parts
        ? `Replica ${name} is still being filled; try again when its status is ready.`
        : `Replica ${name} is not running; start its service first.`,
      { details: { replica: name } },
    )
  }

  /** Whether a build can answer what the contract of this replica promises. */
  #hasColumns(build: Build): boolean {
    return (
      build.topic === this.#options.topic && this.#options.columns.every((column) => build.columns.includes(column))
    )
  }

  // --------------------------------------------------------------------------------------------------------- building

  #isWanted(build: Build): boolean {
    const { topic, columns, table } = this.#options
    return (
      build.topic === topic && build.finalTable === table && JSON.stringify(build.columns) === JSON.stringify(columns)
    )
  }

  async #refuseForeignTable({ database }: ReplicaParts): Promise<void> {
    const { name, table } = this.#options
    const found = await findConflict(database, name, table)
    if (found === undefined) return
    throw new TidingsError(
      'replica-conflict',
      `The table "${found}" exists and is no copy of ${this.#options.topic}, so replica ${name} leaves it alone; give the replica another table, as in { table: '${table}_copy' }.`,
      { details: { replica: name, table: found } },
    )
  }

  #refuseUnfitName({ database }: ReplicaParts): void {
    const { name, columns, table } = this.#options
    const unfit = tablesOf(database.dialect).unfitName(table, columns)
    if (unfit === undefined) return
    throw new TidingsError(
      'bad-request',
      `Replica ${name} cannot have ${JSON.stringify(unfit)} as a name in its database: it is empty, too long, or no text that the database can hold. Give the replica another table, as in { table: 'short' }, or leave the column out.`,
      { details: { replica: name } },
    )
  }

  async #createBuild(parts: ReplicaParts, number: number): Promise<Build> {
    const { name, topic, columns, table } = this.#options
    const presentTable = `${table}__${number}`
    if ((await findConflict(parts.database, name, presentTable)) !== undefined) {
      return await this.#createBuild(parts, number + 1)
    }
    const subscription = `${parts.service}.replica.${name}.${number}`
    await insertBuild(parts.database, { name, number, topic, columns, finalTable: table, presentTable, subscription })
    const builds = await loadBuilds(parts.database, name)
    const build = builds.find((candidate) => candidate.number === number)
    if (!build) throw new Error(`Build ${number} of replica ${name} vanished.`)
    return build
  }

  /** Goes on with the builds that there are, and begins one where none has what is wanted. */
  async #begin(parts: ReplicaParts): Promise<void> {
    const builds = await loadBuilds(parts.database, this.#options.name)
    this.#ready = builds.find(({ state }) => state === 'ready')
    this.#filling = undefined
    for (const build of builds.filter(({ state }) => state === 'filling')) {
      if (this.#isWanted(build)) this.#filling = build
      else await dropBuild(parts.database, build)
    }
    if (!this.#filling && !(this.#ready && this.#isWanted(this.#ready))) {
      this.#filling = await this.#createBuild(parts, Math.max(0, ...builds.map(({ number }) => number)) + 1)
    }
    for (const build of [this.#ready, this.#filling]) if (build) this.#run(parts, build, 'look again')
  }

  #run(parts: ReplicaParts, build: Build, first?: 'look again'): void {
    const run = new BuildRun({
      ...parts,
      build,
      entity: this.#options.entity,
      looksAgain: first !== undefined,
      onApplied: (changes) => {
        if (this.#ready?.number === build.number) this.#onApplied(changes.map(({ key }) => key))
        this.#options.onApplied(changes)
      },
      onComplete: () => this.#change((running) => this.#switch(running, build)),
      onReplaced: () => this.#change((running) => this.#beginAgain(running)),
      onOutlived: (why) => this.#change((running) => this.#rebuild(running, build, why)),
    })
    this.#runs.set(build.number, run)
    run.start()
  }

  /**
   * What fails leaves the builds as they are, and as they run on they say again what has become of them, so that it is
   * tried again.
   */
  #change(change: (parts: ReplicaParts) => Promise<void>): void {
    this.#changing = this.#changing.then(async () => {
      await this.#backoff?.pause(this.#stopping.signal)
      const parts = this.#parts
      if (!parts) return
      try {
        await change(parts)
      } catch (error) {
        this.#couldNotChange(parts, error)
        await this.#resume(parts)
      }
    })
  }

  #couldNotChange({ environment, report }: ReplicaParts, error: unknown): void {
    const { name } = this.#options
    const details = { replica: name }
    const isInUse = error instanceof TidingsError && error.code === 'database-busy'
    if (!isInUse) {
      const message = `Replica ${name} could not be rebuilt (${reasonOf(error)}); it goes on with what it has, and tries again.`
      report({ level: 'error', message, error, details })
    } else if (!this.#backoff) {
      const message = `Replica ${name} is complete; it takes the place of the one before as soon as nobody reads that.`
      report({ level: 'info', message, details })
    }
    this.#backoff ??= new Backoff(environment)
  }

  async #switch(parts: ReplicaParts, build: Build): Promise<void> {
    const before = this.#ready
    // Nobody may write while a table changes its name.
    await Promise.all([build, ...(before ? [before] : [])].map((each) => this.#retire(each)))
    await switchTo(parts.database, build, before)
    this.#backoff = undefined
    await this.#resume(parts)
    if (before) await parts.broker.removeSubscription(parts.caller, before.subscription).catch(() => undefined)
    this.#onApplied('any')
    parts.report({
      level: 'info',
      message: `Replica ${build.name} is complete.`,
      details: { replica: build.name, build: build.number },
    })
  }

  /** Whatever stands in the database counts: another process of the service may have been quicker. */
  async #resume(parts: ReplicaParts): Promise<void> {
    const backoff = new Backoff(parts.environment)
    while (!this.#stopping.signal.aborted) {
      try {
        const builds = await loadBuilds(parts.database, this.#options.name)
        this.#ready = builds.find(({ state }) => state === 'ready')
        this.#filling = builds.find(({ state }) => state === 'filling')
        for (const build of builds) if (!this.#runs.has(build.number)) this.#run(parts, build)
        return
      } catch (error) {
        const details = { replica: this.#options.name }
        parts.report({ level: 'warning', message: `Replica ${details.replica}: ${reasonOf(error)}`, error, details })
        await backoff.pause(this.#stopping.signal)
      }
    }
  }

  async #beginAgain(parts: ReplicaParts): Promise<void> {
    await Promise.all([...this.#runs.values()].map((run) => run.stop()))
    this.#runs.clear()
    await this.#begin(parts)
    this.#backoff = undefined
    this.#onApplied('any')
  }

  async #rebuild(parts: ReplicaParts, build: Build, why: string): Promise<void> {
    const message = `Replica ${build.name} is copied anew: ${why}.`
    parts.report({ level: 'warning', message, details: { replica: build.name, build: build.number } })
    await this.#retire(build)
    if (build.number === this.#ready?.number && this.#filling) return
    if (build.number === this.#filling?.number) await dropBuild(parts.database, build)
    this.#filling = await this.#createBuild(parts, build.number + 1)
    this.#backoff = undefined
    this.#run(parts, this.#filling)
  }

  async #retire(build: Build): Promise<void> {
    await this.#runs.get(build.number)?.stop()
    this.#runs.delete(build.number)
  }
}
