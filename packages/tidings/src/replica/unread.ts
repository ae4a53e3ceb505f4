import type { Database, SqlRow, SqlValue, Transaction } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import type { Build } from './build.ts'
import type { Change, UnreadState } from './change.ts'
import { tablesOf, type BuildStatements, type ReplicaTables } from './tables.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

interface UnreadRow extends SqlRow {
  key: Uint8Array
  version: string
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
  /** The versions that could not be read, by key, as far as this process knows. */
  #known = new Map<string, string>()

  constructor(database: Database, build: Build) {
    this.#database = database
    this.#build = build
    this.#tables = tablesOf(database.dialect)
    this.#statements = this.#tables.buildStatements(build.presentTable, build.columns)
  }

  get size(): number {
    return this.#known.size
  }

  /** Brings what is known up to date with what other processes of the service have done. */
  async load(): Promise<void> {
    const { name, number } = this.#build
    const rows = await this.#database.query<UnreadRow>(this.#tables.statements.unread, [name, number])
    const known = new Map<string, string>()
    for (const { key: bytes, version } of rows) {
      const key = decoder.decode(bytes)
      if ((await this.#present(this.#database, key)) < version) known.set(key, version)
      else await this.#forget(bytes, version)
    }
    this.#known = known
  }

  async #forget(key: Uint8Array, version: string): Promise<void> {
    const { name, number } = this.#build
    const { forgetUnread } = this.#tables.statements
    await ownTransaction(this.#database, (transaction) => transaction.query(forgetUnread, [name, number, key, version]))
  }

  /** Answers those that are newer than what the copy has; the others are nobody's loss. */
  async keep(
    transaction: Transaction,
    states: readonly (UnreadState & { readonly reason: string })[],
  ): Promise<readonly UnreadState[]> {
    const { name, number } = this.#build
    const kept: UnreadState[] = []
    for (const state of states) {
      const { key, version, reason } = state
      if ((await this.#present(transaction, key)) >= version) continue
      const values = [name, number, encoder.encode(key), version, reason]
      await transaction.query(this.#tables.statements.keepUnread, values)
      kept.push(state)
    }
    return kept
  }

  /** In the transaction that applies a change: its key is not unread any more. */
  async applied(transaction: Transaction, { key, version }: Change): Promise<void> {
    const unread = this.#known.get(key)
    if (unread === undefined || unread > version) return
    const { name, number } = this.#build
    await transaction.query(this.#tables.statements.forgetUnread, [name, number, encoder.encode(key), version])
  }

  /** After the commit. */
  committed(changes: readonly Change[], kept: readonly UnreadState[]): void {
    for (const { key, version } of kept) if ((this.#known.get(key) ?? '') < version) this.#known.set(key, version)
    if (this.#known.size === 0) return
    for (const { key, version } of changes) if ((this.#known.get(key) ?? '~') <= version) this.#known.delete(key)
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
