import type { SqlRow, SqlValue, Transaction } from '../../database/index.ts'
import { transactionEnded } from './client.ts'
import type { Connection, LentConnection } from './connection.ts'

/** A running transaction, on a connection of its own. */
export class PostgresTransaction<Used extends Connection = Connection> implements Transaction {
  protected readonly connection: Used
  #ended = false

  constructor(connection: Used) {
    this.connection = connection
  }

  get ended(): boolean {
    return this.#ended
  }

  end(): void {
    this.#ended = true
  }

  async query<Row extends SqlRow = SqlRow>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const asked = this.ensureUsable()
    if (asked) await asked
    return (await this.connection.run(text, values)) as Row[]
  }

  async readRow(table: string, column: string, value: SqlValue): Promise<SqlRow | undefined> {
    await this.ensureUsable()
    return this.connection.readRow(table, column, value)
  }

  protected ensureUsable(): Promise<void> | void {
    if (this.#ended) throw transactionEnded()
    return this.connection.ensureInTransaction()
  }
}

/** One that the kit itself has begun. */
export class OwnTransaction extends PostgresTransaction<LentConnection> {
  /** Reads as `Database.query` does when it is called inside this transaction. */
  async read(text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    await this.ensureUsable()
    return this.connection.readInside(text, values)
  }
}
