import type { Database, SqlRow, SqlValue, Transaction } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import type { Build } from './build.ts'
import type { Change, UnreadState } from './change.ts'
import { tablesOf, type BuildStatements, type KeyVersion, type ReplicaTables } from './tables.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
/** So many are looked at one by one; where there are more, nobody counts on each of them. */
const mostChecked = 100

interface UnreadRow extends SqlRow {
  key: Uint8Array
  version: string
}

/** What could not be read, and what a transaction changes about it. */
export interface UnreadChanges {
  /** Those that are newer than what the copy has; the others are nobody's loss. */
  readonly kept: readonly UnreadState[]
  /** By how much there are more of them. */
  readonly more: number
}

/**
 * The keys of one build whose newest state could not be read, so that their rows are older or absent: they are written
 * down, because a listing tells of them once. A newer state of the key, or the same one when it can be read, ends it.
 */
export class Unread {
  readonly #database: Database
  readonly #build: Build
  readonly #tables: ReplicaTables
  readonly #statements: BuildStatements
  /** How many there are, as far as this process knows. */
  size = 0

  constructor(database: Database, build: Build) {
    this.#database = database
    this.#build = build
    this.#tables = tablesOf(database.dialect)
    this.#statements = this.#tables.buildStatements(build.presentTable, build.columns)
  }

  /** Brings what is known up to date with what other processes of the service have done. */
  async load(): Promise<void> {
    const { name, number } = this.#build
    const { countUnread, unread } = this.#tables.statements
    for (const { key, version } of await this.#database.query<UnreadRow>(unread, [name, number, mostChecked])) {
      if ((await this.#present(this.#database, decoder.decode(key))) < version) continue
      const read = [{ key: decoder.decode(key), version }]
      await ownTransaction(this.#database, (transaction) => this.#forget(transaction, read))
    }
    const [row] = await this.#database.query<{ count: number }>(countUnread, [name, number])
    this.size = row!.count
  }

  /** Writes down, in the transaction that applies `changes`, what could not be read beside them. */
  async keep(
    transaction: Transaction,
    changes: readonly Change[],
    states: readonly (UnreadState & { readonly reason: string })[],
  ): Promise<UnreadChanges> {
    const { name, number } = this.#build
    const { keepUnread, raiseUnread } = this.#tables.statements
    const kept: UnreadState[] = []
    let more = this.size === 0 ? 0 : -(await this.#forget(transaction, changes))
    for (const state of states) {
      const { key, version, reason } = state
      if ((await this.#present(transaction, key)) >= version) continue
      const bytes = encoder.encode(key)
      const inserted = await transaction.query(keepUnread, [name, number, bytes, version, reason])
      if (inserted.length === 0) await transaction.query(raiseUnread, [version, reason, name, number, bytes, version])
      more += inserted.length
      kept.push(state)
    }
    return { kept, more }
  }

  /** Answers how many there were. */
  async #forget(transaction: Transaction, read: readonly KeyVersion[]): Promise<number> {
    let forgotten = 0
    for (const { text, values } of this.#tables.statements.forgetUnread(read, this.#build)) {
      forgotten += (await transaction.query(text, values)).length
    }
    return forgotten
  }

  /** The version of a key in the copy, that of its deletion included; '' where it never had any. */
  async #present(
    reader: { query(text: string, values?: readonly SqlValue[]): Promise<SqlRow[]> },
    key: string,
  ): Promise<string> {
    const { name, number } = this.#build
    const values = [...this.#tables.keyValues(key), name, number, encoder.encode(key)]
    const rows = await reader.query(this.#statements.versionOf, values)
    return rows.map(({ version }) => String(version)).reduce((newest, each) => (each > newest ? each : newest), '')
  }
}
