import type { DatabaseTransaction, SqlValue, Transaction } from '../../database/index.ts'
import type { Environment } from '../../environment/index.ts'
import type { EntityKey, Locked, LockedKey, NewRow, OutboxWriting, Told } from '../tables.ts'
import { statements, tables } from './statements.ts'

/** How long it is believed which of the two tables is written: much less than between two changes of it. */
const currentMs = 1_000
/** A statement takes 65,535 values. */
const atOnce = 500

/**
 * A transaction waits for the server once for all of its keys, and once for all of its rows with their versions, in
 * plain inserts: nothing is cheaper there. Events without versions go with its commit.
 */
export class PostgresWriting implements OutboxWriting {
  readonly #environment: Environment
  /** Rows may stand in either table; that the one is written which is not to be emptied keeps everybody from waiting. */
  #current: { readonly number: 1 | 2; readonly until: number } | undefined

  constructor(environment: Environment) {
    this.#environment = environment
  }

  async lock(transaction: Transaction, keys: readonly EntityKey[]): Promise<Locked> {
    const rows: LockRow[] = []
    for (const some of chunks(keys)) {
      const values = some.flatMap(({ topic, key }) => [topic, key])
      rows.push(...(await transaction.query<LockRow>(statements.lockKeys(some.length), values)))
    }
    return {
      keys: keys.map(({ topic, key }, index) => {
        const { sequence, present } = rows[index]!
        return { topic, key, sequence, present: present === 1 }
      }),
      sourceepoch: rows[0]!.sourceepoch,
    }
  }

  async write(transaction: DatabaseTransaction, { rows, versions, unused, sourceepoch }: Told): Promise<boolean> {
    const table = tables[await this.#tableOf(transaction)]
    // What versions are for comes first, and their epoch is sure from the first statement on.
    const [first = [], ...others] = chunks(rows)
    const [saved = [], ...more] = chunks(versions)
    if (saved.length === 0 && first.length > 0) {
      await transaction.runAtCommit(statements.write(table, first.length), valuesOf(first))
    } else if (first.length > 0) {
      const values = [sourceepoch, ...valuesOf(first), ...saved.flatMap(versionValues)]
      const written = await transaction.query(statements.writeIn(table, first.length, saved.length), values)
      if (written.length === 0) return false
    }
    for (const some of others) await transaction.runAtCommit(statements.write(table, some.length), valuesOf(some))
    for (const some of more) await transaction.query(statements.saveKeys(some.length), some.flatMap(versionValues))
    for (const { topic, key } of unused) await transaction.query(statements.forgetUnusedKey, [topic, key])
    return true
  }

  async #tableOf(transaction: Transaction): Promise<1 | 2> {
    const now = this.#environment.clock.monotonic()
    if (this.#current === undefined || now >= this.#current.until) {
      const [row] = await transaction.query<{ number: 1 | 2 }>(statements.writtenTable)
      this.#current = { number: row!.number, until: now + currentMs }
    }
    return this.#current.number
  }
}

type LockRow = { readonly sequence: number; readonly present: number; readonly sourceepoch: number }

function valuesOf(rows: readonly NewRow[]): SqlValue[] {
  return rows.flatMap(({ topic, key, event, writtenAt }) => [topic, key, event, writtenAt])
}

function versionValues({ topic, key, sequence, present }: LockedKey): SqlValue[] {
  return [topic, key, sequence, present ? 1 : 0]
}

function chunks<Item>(items: readonly Item[]): Item[][] {
  const count = Math.ceil(items.length / atOnce)
  return Array.from({ length: count }, (_, index) => items.slice(index * atOnce, (index + 1) * atOnce))
}
