import type { Run } from './session.ts'

/** The columns of each table that many rows are put into at once, with their types. */
const columns = {
  event: [
    ...['topic bigint', 'offset bigint', 'appended_at bigint', 'bytes_through bigint', 'shard integer'],
    ...['stale boolean', 'erased boolean', 'tombstone boolean', 'key bytea', 'record bytea'],
  ],
  identity: ['topic bigint', 'digest bytea', 'offset bigint', 'appended_at bigint', 'hash bytea'],
  carried: ['topic bigint', 'offset bigint', 'hash bytea', 'appended_at bigint'],
  newest: ['topic bigint', 'key bytea', 'offset bigint', 'sourceepoch bigint', 'sequence text'],
  producer: ['topic bigint', 'id bytea', 'epoch bigint', 'counter bigint'],
  entry: ['ledger bigint', 'key text', 'value bytea'],
} as const satisfies Record<string, readonly string[]>

type Table = keyof typeof columns

const most = { rows: 2_000, bytes: 4_194_304 }

/** Rows that are collected and written together. */
export class Rows {
  readonly #run: Run
  readonly #waiting = new Map<Table, unknown[][]>()
  #count = 0
  #bytes = 0

  constructor(run: Run) {
    this.#run = run
  }

  get isFull(): boolean {
    return this.#count >= most.rows || this.#bytes >= most.bytes
  }

  /** The values in the order of the columns. */
  put(table: Table, values: readonly unknown[]): void {
    const waiting = this.#waiting.get(table) ?? columns[table].map(() => [])
    this.#waiting.set(table, waiting)
    for (const [index, value] of values.entries()) {
      waiting[index]!.push(value)
      if (value instanceof Uint8Array) this.#bytes += value.length
    }
    this.#count += 1
  }

  async write(): Promise<void> {
    for (const [table, values] of this.#waiting) await this.#run(inserting(table), values)
    this.#waiting.clear()
    this.#count = 0
    this.#bytes = 0
  }
}

function inserting(table: Table): string {
  const names = columns[table].map((column) => `"${column.split(' ')[0]}"`).join(', ')
  const arrays = columns[table].map((column, index) => `$${index + 1}::${column.split(' ')[1]}[]`).join(', ')
  const inserted = `insert into {${table}} (${names})`
  if (table !== 'identity') return `${inserted} select * from unnest(${arrays})`
  // One that was stored again, after it had left the window, stands for its newest event.
  return `${inserted}
    select distinct on (topic, digest) * from unnest(${arrays}) as i (${names}) order by topic, digest, "offset" desc
    on conflict (topic, digest) do update
      set "offset" = excluded."offset", appended_at = excluded.appended_at, hash = excluded.hash`
}
