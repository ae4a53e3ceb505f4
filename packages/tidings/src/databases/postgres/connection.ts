import type { SqlRow, SqlValue } from '../../database/index.ts'
import { checkStatement, excerpt, refusedWrite } from '../../database/statements.ts'
import { LentClient, postgresCode, resultTypes } from '../../postgres/index.ts'
import { databaseError } from './client.ts'
import { inspectText } from './text.ts'
import { toPostgres } from './values.ts'

/** One connection, with values checked on the way in and exact on the way out. */
export class Connection extends LentClient {
  /** Runs one statement, whatever it does. */
  async run(text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    checkStatement(text, inspectText(text), values)
    const bound = values.map(toPostgres)
    try {
      const { rows } = await this.client.query({ text, values: bound, queryMode: 'extended', types: resultTypes })
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
    this.noteFailure(error)
    return databaseError(error, doing)
  }
}

/** PostgreSQL's code for a statement that writes in a read-only transaction. */
const readOnlyTransaction = '25006'

export function readFailure(error: unknown, text: string): unknown {
  return postgresCode(error) === readOnlyTransaction ? refusedWrite(text, error) : error
}
