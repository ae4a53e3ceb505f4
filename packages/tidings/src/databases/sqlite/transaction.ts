import type { DatabaseTransaction, SqlRow, SqlValue } from '../../database/index.ts'
import { rowStatement } from '../../database/statements.ts'
import { TidingsError } from '../../errors.ts'
import type { Connection } from './connection.ts'
import { dialect } from './dialect.ts'

/** A running transaction: its statements run at once, each within the call. */
export class SqliteTransaction implements DatabaseTransaction {
  readonly #connection: Connection
  readonly #ensureOpen: () => void
  #ended = false

  /** `ensureOpen` throws when the client's transaction is not the one any more that this object stands for. */
  constructor(connection: Connection, ensureOpen: () => void) {
    this.#connection = connection
    this.#ensureOpen = ensureOpen
  }

  get ended(): boolean {
    return this.#ended
  }

  end(): void {
    this.#ended = true
  }

  async query<Row extends SqlRow = SqlRow>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    this.#ensureUsable()
    return this.#connection.run(text, values) as Row[]
  }

  async runAtCommit(text: string, values: readonly SqlValue[] = []): Promise<void> {
    await this.query(text, values)
  }

  async readRow(table: string, column: string, value: SqlValue): Promise<SqlRow | undefined> {
    const [row] = await this.query(rowStatement(dialect, table, column), [value])
    return row
  }

  /** Reads as `Database.query` does when it is called inside this transaction. */
  read(text: string, values: readonly SqlValue[]): SqlRow[] {
    this.#ensureUsable()
    return this.#connection.read(text, values)
  }

  #ensureUsable(): void {
    if (this.#ended) {
      throw new TidingsError(
        'transaction-misuse',
        'This transaction has ended; await everything inside the function that it was given to.',
      )
    }
    this.#ensureOpen()
  }
}
