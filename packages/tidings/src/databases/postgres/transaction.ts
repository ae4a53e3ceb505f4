import type { SqlRow, SqlValue, Transaction } from '../../database/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Connection } from './connection.ts'

/** A running transaction, on a connection of its own. */
export class PostgresTransaction implements Transaction {
  readonly #connection: Connection
  #ended = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get ended(): boolean {
    return this.#ended
  }

  end(): void {
    this.#ended = true
  }

  async query<Row extends SqlRow = SqlRow>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    this.#ensureUsable()
    return (await this.#connection.run(text, values)) as Row[]
  }

  /** Reads as `Database.query` does when it is called inside this transaction. */
  async read(text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    this.#ensureUsable()
    return this.#connection.readInside(text, values)
  }

  #ensureUsable(): void {
    if (this.#ended || !this.#connection.inTransaction) {
      throw new TidingsError(
        'transaction-misuse',
        'This transaction has ended; await everything inside the function that it was given to.',
      )
    }
  }
}
