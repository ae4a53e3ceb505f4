import type { SqlRow } from '../../../database/index.ts'
import { TidingsError } from '../../../errors.ts'
import { isLost, resultTypes } from '../../../postgres/index.ts'
import { askWhetherInTransaction, Connection, LentConnection, type Client } from '../connection.ts'
import type { BoundValue } from '../values.ts'

/** Connections of `postgres` (postgres.js), as it gives them: `postgres(url)`. */
export interface PostgresJs extends PostgresJsTransaction {
  begin(options: string, work: (sql: PostgresJsTransaction) => Promise<never>): Promise<unknown>
  readonly options: {
    readonly transform: { readonly column: { readonly from?: unknown }; readonly row: { readonly from?: unknown } }
  }
}

/** What postgres.js gives to the function of a transaction. */
export interface PostgresJsTransaction {
  unsafe(
    text: string,
    values: never[],
    options: { readonly prepare?: boolean; readonly simple?: boolean },
  ): PostgresJsQuery
  typed(value: never, type: number): unknown
}

interface PostgresJsQuery extends PromiseLike<unknown> {
  raw(): PromiseLike<unknown>
}

/** Rows in its raw form: the bytes of the server, column by column. */
interface RawResult extends ReadonlyArray<readonly (Uint8Array | null)[]> {
  readonly columns: readonly { readonly name: string; readonly type: number }[]
}

/** Refuses what is no such client, and one that would give columns other names than they have. */
export function checkPostgresJs(sql: unknown): asserts sql is PostgresJs {
  const { begin, options } = (sql ?? {}) as Partial<PostgresJs>
  if (typeof sql !== 'function' || typeof begin !== 'function') {
    throw new TidingsError('bad-request', 'postgresDatabase() needs a client of `postgres` as `sql`: postgres(url).')
  }
  if (options?.transform.column.from || options?.transform.row.from) {
    throw new TidingsError(
      'bad-request',
      'The client given as `sql` transforms the names of columns or whole rows; give the kit one of its own, without `transform`.',
    )
  }
}

export function postgresJsClient(sql: PostgresJs): Client {
  return {
    once: async () => PostgresJsConnection.any(sql),
    async begin({ mode, settings }) {
      const connection = await PostgresJsConnection.begin(sql, mode)
      try {
        if (settings !== '') await connection.execute(settings)
      } catch (error) {
        await connection.execute('rollback').catch(() => undefined)
        throw error
      }
      return connection
    },
  }
}

/** The `sql` of a transaction that somebody else has begun. */
export function joinPostgresJs(handle: unknown): Connection | undefined {
  return isTransaction(handle) ? new JoinedConnection(handle) : undefined
}

/**
 * A connection for one transaction. postgres.js takes it back when the server says that the transaction has ended, and
 * must not be asked for anything more once the connection is lost: it would speak to whoever connects next.
 */
class PostgresJsConnection extends LentConnection {
  readonly #sql: PostgresJsTransaction
  lost = false

  private constructor(sql: PostgresJsTransaction) {
    super()
    this.#sql = sql
  }

  /** Whichever connection is free, for one statement. */
  static any(sql: PostgresJsTransaction): PostgresJsConnection {
    return new PostgresJsConnection(sql)
  }

  /**
   * Begins a transaction whose function never returns, so that postgres.js ends nothing by itself: it does not say what
   * a commit has come to, and takes a failure between savepoints for one of the whole. What it does say is that the
   * connection was lost, while nobody asks anything too.
   */
  static begin(sql: PostgresJs, options: string): Promise<PostgresJsConnection> {
    return new Promise((resolve, reject) => {
      let connection: PostgresJsConnection | undefined
      const work = (transaction: PostgresJsTransaction): Promise<never> => {
        connection = new PostgresJsConnection(transaction)
        resolve(connection)
        return new Promise(() => undefined)
      }
      sql.begin(options, work).then(undefined, (error: unknown) => {
        if (connection) connection.lost = true
        else reject(error)
      })
    })
  }

  ensureInTransaction(): void {
    if (this.lost) throw this.failure(connectionLost(), 'looking for its connection')
  }

  protected async ask(text: string, values: readonly BoundValue[]): Promise<SqlRow[]> {
    this.ensureInTransaction()
    return askExactly(this.#sql, text, values)
  }

  protected async tell(script: string): Promise<string> {
    this.ensureInTransaction()
    const result = (await this.#sql.unsafe(script, [], {})) as { readonly command?: string } | readonly unknown[]
    const last = ('command' in result ? result : (result as readonly unknown[]).at(-1)) as { readonly command: string }
    return last.command
  }

  override failure(error: unknown, doing: string): unknown {
    if (isLost(error)) this.lost = true
    return super.failure(error, doing)
  }

  release(): void {
    // The end of the transaction has given it back.
  }
}

/** A connection on which somebody else has begun a transaction; postgres.js does not say whether it is still open. */
class JoinedConnection extends Connection {
  readonly #sql: PostgresJsTransaction

  constructor(sql: PostgresJsTransaction) {
    super()
    this.#sql = sql
  }

  async ensureInTransaction(): Promise<void> {
    await askWhetherInTransaction((text) => this.ask(text, []))
  }

  protected ask(text: string, values: readonly BoundValue[]): Promise<SqlRow[]> {
    return askExactly(this.#sql, text, values)
  }
}

function isTransaction(handle: unknown): handle is PostgresJsTransaction {
  const { unsafe, typed } = (handle ?? {}) as Partial<PostgresJsTransaction>
  return typeof handle === 'function' && typeof unsafe === 'function' && typeof typed === 'function'
}

/** PostgreSQL's type for what has none yet; the server finds out what is needed, and postgres.js writes the text as it is. */
const unknownType = 705

/** Runs one statement with nothing changed by the serializers and parsers of the client. */
async function askExactly(sql: PostgresJsTransaction, text: string, values: readonly BoundValue[]): Promise<SqlRow[]> {
  const bound = values.map((value) => sql.typed(textOf(value) as never, unknownType) as never)
  const rows = (await sql.unsafe(text, bound, { simple: false }).raw()) as RawResult
  const columns = rows.columns.map(({ name, type }) => ({ name, parse: resultTypes.getTypeParser(type) }))
  return rows.map((row) =>
    Object.fromEntries(
      columns.map(({ name, parse }, index) => {
        const bytes = row[index]
        return [name, bytes ? parse(Buffer.from(bytes).toString()) : null]
      }),
    ),
  )
}

function textOf(value: BoundValue): string | null {
  if (value === null) return null
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : String(value)
}

function connectionLost(): Error {
  return Object.assign(new Error('the connection was lost'), { code: 'CONNECTION_CLOSED' })
}
