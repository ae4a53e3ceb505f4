import type { SqlRow, SqlValue } from '../../database/index.ts'
import { checkStatement, excerpt, refusedWrite, rowStatement } from '../../database/statements.ts'
import { messageOf, postgresCode } from '../../postgres/index.ts'
import { TidingsError } from '../../errors.ts'
import { databaseError } from './client.ts'
import { dialect } from './dialect.ts'
import { inspectText } from './text.ts'
import { toPostgres, type BoundValue } from './values.ts'

/** One connection, with values checked on the way in and exact on the way out. */
export abstract class Connection {
  /** Throws as `transaction-misuse` where no transaction is open; a promise where the server has to be asked. */
  abstract ensureInTransaction(): Promise<void> | void

  /** Runs one statement with values that are checked. */
  protected abstract ask(text: string, values: readonly BoundValue[]): Promise<SqlRow[]>

  /** Runs one statement, whatever it does. */
  async run(text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    checkStatement(text, inspectText(text), values)
    const bound = values.map(toPostgres)
    try {
      return await this.ask(text, bound)
    } catch (error) {
      throw this.failure(error, `running "${excerpt(text)}"`)
    }
  }

  /** The row of a table whose column has this value. */
  async readRow(table: string, column: string, value: SqlValue): Promise<SqlRow | undefined> {
    const [row] = await this.run(rowStatement(dialect, table, column), [value])
    return row
  }

  failure(error: unknown, doing: string): unknown {
    return databaseError(error, doing)
  }
}

/** A connection that a client of the user has lent to the kit, for a transaction of the kit's own. */
export abstract class LentConnection extends Connection {
  /** It has ended under us, and nothing more can be said on it. */
  abstract readonly lost: boolean

  /** Runs a script; answers what its last statement says that it did. */
  protected abstract tell(script: string): Promise<string>

  /** Gives it back, once its transaction has ended. */
  abstract release(): void

  /** Runs a script of the kit itself; answers what its last statement says that it did. */
  async execute(script: string): Promise<string> {
    try {
      return await this.tell(script)
    } catch (error) {
      throw this.failure(error, `running "${excerpt(script)}"`)
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
}

export interface BeginOptions {
  /** As SQL has it behind `begin`; empty for what the database does by default. */
  readonly mode: '' | 'read only' | 'isolation level read committed'
  readonly settings: string
}

/** A connection for a statement that is a transaction of its own. */
export type OnceConnection = Pick<LentConnection, 'run' | 'lost' | 'release'>

/** Where the connections for the kit's own transactions come from. */
export interface Client {
  /** Takes a connection, begins a transaction on it and runs the settings, statements that last as long as it. */
  begin(options: BeginOptions): Promise<LentConnection>
  /** Takes a connection for one statement, which is a transaction of its own. */
  once(): Promise<OnceConnection>
}

/** Rejects outside of a transaction: for clients that cannot tell. A lock that stands in no statement's way, and no subtransaction. */
export async function askWhetherInTransaction(ask: (text: string) => Promise<unknown>): Promise<void> {
  try {
    await ask('lock table pg_catalog.pg_namespace in access share mode')
  } catch (error) {
    throw new TidingsError(
      'transaction-misuse',
      `There is no transaction, or it has ended or failed (${messageOf(error)}); begin one first, and await everything inside of it.`,
      { cause: error },
    )
  }
}

/** PostgreSQL's code for a statement that writes in a read-only transaction. */
const readOnlyTransaction = '25006'

export function readFailure(error: unknown, text: string): unknown {
  return postgresCode(error) === readOnlyTransaction ? refusedWrite(text, error) : error
}
