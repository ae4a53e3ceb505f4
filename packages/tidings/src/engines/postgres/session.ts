import type { Ownership } from '../../engine/index.ts'
import type { Environment } from '../../environment/index.ts'
import { TidingsError } from '../../errors.ts'
import {
  checkServer,
  LentClient,
  resultTypes,
  type PostgresClient,
  type PostgresPool,
  type PostgresRow,
} from '../../postgres/index.ts'
import { connectError, openError, storeError } from './failures.ts'
import { fenceOf } from './fence.ts'
import { historyOf } from './lives.ts'
import { migrate } from './migrations.ts'

export interface SessionOptions {
  readonly pool: PostgresPool
  readonly schema: string
  readonly environment: Environment
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
  /** The ownership under which everything is written; absent where nobody else can come. */
  readonly fence?: Ownership | undefined
  /** By somebody who carries everything to another store, or from one: it need not serve. */
  readonly held?: true
  /** Told once when nothing can be promised any more. */
  readonly onFatal: (error: Error) => void
}

/**
 * Runs a statement, in which `{name}` stands for a table of the store; several of them where there are no values. A
 * statement outside of a transaction that writes something does so under the condition `{fenced}`.
 */
export type Run = <Row = PostgresRow>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/**
 * A server that stops answering in the middle of a transaction would hold what it has locked: PostgreSQL ends it. Waiting
 * for somebody else's lock ends as well.
 */
const begin = `begin isolation level read committed;
  set local idle_in_transaction_session_timeout = '10s';
  set local lock_timeout = '60s'`

/** An open store: from `start` to `stop`. */
export class Session {
  readonly schema: string
  readonly environment: Environment
  readonly deduplication: SessionOptions['deduplication']
  readonly #pool: PostgresPool
  readonly #texts = new Map<string, string>()
  readonly #open = new Set<Promise<unknown>>()
  readonly #onFatal: SessionOptions['onFatal']
  /** What `{fenced}` stands for. */
  #fence = 'true'
  #history: string | undefined
  #failure: TidingsError | undefined
  #closing = false

  /** Looks at the server, and brings the tables to this version. */
  static async open(options: SessionOptions): Promise<Session> {
    const session = new Session(options)
    try {
      await session.connected('looking at the server', checkSettings)
      session.#history = await historyOf(session)
      if (options.fence) session.#fence = await fenceOf(session, options.fence)
      await migrate(session, { history: session.#history, held: options.held === true })
      return session
    } catch (error) {
      throw openError(error, options.schema)
    }
  }

  private constructor({ pool, schema, environment, deduplication, onFatal }: SessionOptions) {
    this.#onFatal = onFatal
    this.#pool = pool
    this.schema = schema
    this.environment = environment
    this.deduplication = deduplication
  }

  /** Whether what nobody waits for should end. */
  get closing(): boolean {
    return this.#closing
  }

  /**
   * Ends everything where the server is not the one of the start any more: a standby that took over may lack what was
   * acknowledged last, and would give its offsets away again. Asked after a connection was lost.
   */
  async ensureSameHistory(): Promise<void> {
    const present = await historyOf(this)
    if (present === undefined || present === this.#history || this.#failure) return
    this.#failure = new TidingsError(
      'store-failed',
      `The database was recovered, or a standby took its place, while the engine in the schema "${this.schema}" was running (from ${this.#history} to ${present}); start the process again, so that its topics begin another life.`,
      { details: { before: this.#history, present } },
    )
    this.#onFatal(this.#failure)
  }

  /** Who closes the session waits for it. */
  track<Result>(work: Promise<Result>): Promise<Result> {
    const tracked = work.finally(() => this.#open.delete(tracked))
    this.#open.add(tracked)
    return tracked
  }

  /** Waits for what was begun. */
  async close(): Promise<void> {
    this.#closing = true
    while (this.#open.size > 0) await Promise.allSettled(this.#open)
  }

  get #begin(): string {
    return this.#fence === 'true' ? begin : `${begin}; select {fenced}`
  }

  /** Runs one statement by itself: it is durable when it resolves. `doing` says in messages what it is for. */
  query<Row = PostgresRow>(doing: string, text: string, values?: readonly unknown[]): Promise<Row[]> {
    return this.connected(doing, (client) => this.#runner(client)<Row>(text, values))
  }

  /** Runs statements one after the other on one connection: each is durable when it resolves. */
  runs<Result>(doing: string, work: (run: Run) => Promise<Result>): Promise<Result> {
    return this.connected(doing, (client) => work(this.#runner(client)))
  }

  /** Runs statements that are durable together once it resolves, or have no effect. */
  transaction<Result>(doing: string, work: (run: Run) => Promise<Result>): Promise<Result> {
    return this.connected(doing, async (client) => {
      const run = this.#runner(client)
      let result: Result
      try {
        await run(this.#begin)
        result = await work(run)
      } catch (error) {
        // A connection that cannot say it is closed with what it had open.
        await run('rollback').catch(() => undefined)
        throw error
      }
      await run('commit')
      return result
    })
  }

  /** A connection for somebody who holds the store, and what runs statements on it; whoever lent it gives it back. */
  async hold(): Promise<{ readonly lent: LentClient; readonly run: Run }> {
    const lent = await this.lend()
    return { lent, run: this.#runner(lent.client) }
  }

  /** That of the start. */
  get history(): string | undefined {
    return this.#history
  }

  /** Lends a connection; whatever goes wrong with it comes as an error of the engine. */
  async connected<Result>(doing: string, work: (client: PostgresClient) => Promise<Result>): Promise<Result> {
    const lent = await this.lend()
    try {
      return await work(lent.client)
    } catch (error) {
      lent.noteFailure(error)
      throw storeError(error, doing)
    } finally {
      lent.release()
    }
  }

  async lend(): Promise<LentClient> {
    if (this.#failure) throw this.#failure
    try {
      return await LentClient.lend(this.#pool, (client) => new LentClient(client))
    } catch (error) {
      throw connectError(error)
    }
  }

  #runner(client: PostgresClient): Run {
    return async <Row>(text: string, values?: readonly unknown[]): Promise<Row[]> => {
      const query = { text: this.sql(text), types: resultTypes, ...(values && { values: [...values] }) }
      const { rows } = await client.query(query)
      return rows as Row[]
    }
  }

  /** The statement with the names of this store's tables in it. */
  sql(text: string): string {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const named = text.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      name === 'fenced' ? this.#fence : `"${this.schema}".${name}`,
    )
    this.#texts.set(text, named)
    return named
  }
}

/** Refuses a server on which what the engine promises would not hold. */
async function checkSettings(client: PostgresClient): Promise<void> {
  const read = async (text: string): Promise<PostgresRow[]> => {
    const { rows } = await client.query({ text, types: resultTypes })
    return rows as PostgresRow[]
  }
  await checkServer(read)
  const [{ isolation } = {}] = await read(`select current_setting('default_transaction_isolation') as isolation`)
  if (isolation === 'read committed') return
  throw new TidingsError(
    'bad-request',
    `default_transaction_isolation is "${String(isolation)}"; the engine needs "read committed": alter role … set default_transaction_isolation = 'read committed'.`,
  )
}
