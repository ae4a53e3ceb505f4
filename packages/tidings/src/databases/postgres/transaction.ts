import type { DatabaseTransaction, SqlRow, SqlValue } from '../../database/index.ts'
import { transactionEnded } from './client.ts'
import type { Connection, LentConnection } from './connection.ts'
import { literalStatement } from './literals.ts'

/** A running transaction, on a connection of its own. */
export class PostgresTransaction<Used extends Connection = Connection> implements DatabaseTransaction {
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

  async runAtCommit(text: string, values: readonly SqlValue[] = []): Promise<void> {
    await this.query(text, values)
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

/** More than this goes by itself: as a literal a byte takes two. */
const mostCharacters = 100_000

/** One that the kit itself has begun. */
export class OwnTransaction extends PostgresTransaction<LentConnection> {
  /** Statements that go with the commit. */
  #atCommit = ''

  /** Reads as `Database.query` does when it is called inside this transaction. */
  async read(text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    await this.ensureUsable()
    return this.connection.readInside(text, values)
  }

  override async runAtCommit(text: string, values: readonly SqlValue[] = []): Promise<void> {
    await super.ensureUsable()
    this.#atCommit += `${literalStatement(text, values)}\n;\n`
    if (this.#atCommit.length > mostCharacters) await this.#runNow()
  }

  /** Answers what the database says that it did. */
  commit(): Promise<string> {
    this.end()
    return this.connection.execute(`${this.#atCommit}commit`)
  }

  protected override ensureUsable(): Promise<void> | void {
    const asked = super.ensureUsable()
    return this.#atCommit === '' ? asked : this.#runNow()
  }

  /** Whoever asks for something has to find it done. */
  async #runNow(): Promise<void> {
    const script = this.#atCommit
    this.#atCommit = ''
    await this.connection.execute(script)
  }
}
