import type { SqlRow, SqlValue } from '../../database/index.ts'
import { checkStatement, excerpt, refusedWrite, type StatementText } from '../../database/statements.ts'
import { TidingsError } from '../../errors.ts'
import { databaseError, sqliteCode, type SqliteClient, type SqliteStatement } from './client.ts'
import { inspectText } from './text.ts'
import { fromSqlite, toSqlite } from './values.ts'

const keptStatements = 200

interface Prepared extends StatementText {
  readonly statement: SqliteStatement
}

/** A client with its prepared statements, values checked on the way in and exact on the way out. */
export class Connection {
  readonly client: SqliteClient
  readonly #prepared = new Map<string, Prepared>()

  constructor(client: SqliteClient) {
    this.client = client
  }

  /** Whether a transaction is open; a closed client has none (`libsql` ends the process when it is asked). */
  get inTransaction(): boolean {
    return this.client.open && this.client.inTransaction
  }

  /** Runs one statement, whatever it does. */
  run(text: string, values: readonly SqlValue[]): SqlRow[] {
    const prepared = this.#prepare(text)
    checkStatement(text, prepared, values)
    const { statement } = prepared
    const bound = values.map(toSqlite)
    try {
      if (statement.reader) return statement.all(bound).map(fromSqlite)
      statement.run(bound)
      return []
    } catch (error) {
      throw databaseError(error, `running "${excerpt(text)}"`)
    }
  }

  /** Runs one statement and refuses it as `transaction-misuse` when it would write. */
  read(text: string, values: readonly SqlValue[]): SqlRow[] {
    this.client.exec('pragma query_only = on')
    try {
      return this.run(text, values)
    } catch (error) {
      const code = sqliteCode(error instanceof TidingsError ? error.cause : error)
      if (!code.startsWith('SQLITE_READONLY')) throw error
      throw refusedWrite(text, error)
    } finally {
      this.client.exec('pragma query_only = off')
    }
  }

  /** Runs a script of the kit itself: transaction control, pragmas, migrations. */
  execute(script: string): void {
    try {
      this.client.exec(script)
    } catch (error) {
      throw databaseError(error, `running "${excerpt(script)}"`)
    }
  }

  #prepare(text: string): Prepared {
    const known = this.#prepared.get(text)
    if (known) {
      this.#prepared.delete(text)
      this.#prepared.set(text, known)
      return known
    }
    const prepared = { ...inspectText(text), statement: this.#compile(text) }
    this.#prepared.set(text, prepared)
    if (this.#prepared.size > keptStatements) this.#prepared.delete(this.#prepared.keys().next().value!)
    return prepared
  }

  #compile(text: string): SqliteStatement {
    try {
      const statement = this.client.prepare(text)
      statement.safeIntegers(true)
      return statement
    } catch (error) {
      throw databaseError(error, `preparing "${excerpt(text)}"`)
    }
  }
}
