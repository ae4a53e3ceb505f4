import type { SqlRow, SqlValue } from '../../database/index.ts'
import { checkStatement, excerpt, refusedWrite } from '../../database/statements.ts'
import { databaseError, isLost, postgresCode, type PostgresClient } from './client.ts'
import { inspectText } from './text.ts'
import { toPostgres, types } from './values.ts'

/** One connection, with values checked on the way in and exact on the way out. */
export class Connection {
  readonly client: PostgresClient
  /** It has ended under us: the pool must not lend it again. */
  lost = false

  constructor(client: PostgresClient) {
    this.client = client
  }

  /** Takes a connection from the pool. One that ends while nobody asks it anything would end the process with it. */
  static lend(client: PostgresClient): Connection {
    const connection = new Connection(client)
    client.on('error', connection.#onError)
    return connection
  }

  readonly #onError = (): void => {
    this.lost = true
  }

  get inTransaction(): boolean {
    return this.client.getTransactionStatus() === 'T' || this.client.getTransactionStatus() === 'E'
  }

  /** Runs one statement, whatever it does. */
  async run(text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    checkStatement(text, inspectText(text), values)
    const bound = values.map(toPostgres)
    try {
      const { rows } = await this.client.query({ text, values: bound, queryMode: 'extended', types })
      return rows as SqlRow[]
    } catch (error) {
      throw this.failure(error, `running "${excerpt(text)}"`)
    }
  }

  /** Runs one statement in the open transaction and refuses it as `transaction-misuse` when it would write. */
  async readInside(text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    await this.execute('savepoint tidings_read; set local transaction_read_only = on')
    try {
      return await this.run(text, values)
    } catch (error) {
      throw readFailure(error, text)
    } finally {
      // What the savepoint changed goes with it, the setting included.
      if (!this.lost) await this.execute('rollback to savepoint tidings_read; release savepoint tidings_read')
    }
  }

  /** Runs a script of the kit itself; answers what its last statement says that it did. */
  async execute(script: string): Promise<string> {
    try {
      const result: unknown = await this.client.query({ text: script })
      const last = (Array.isArray(result) ? result.at(-1) : result) as { readonly command: string }
      return last.command
    } catch (error) {
      throw this.failure(error, `running "${excerpt(script)}"`)
    }
  }

  failure(error: unknown, doing: string): unknown {
    if (isLost(error)) this.lost = true
    return databaseError(error, doing)
  }

  /** Gives it back; one that ended or is still in a transaction is closed. */
  release(): void {
    this.client.off('error', this.#onError)
    this.client.release(this.lost || this.inTransaction)
  }
}

/** PostgreSQL's code for a statement that writes in a read-only transaction. */
const readOnlyTransaction = '25006'

export function readFailure(error: unknown, text: string): unknown {
  return postgresCode(error) === readOnlyTransaction ? refusedWrite(text, error) : error
}
