import { hashForm } from '../canonical.ts'
import { digestOfSum, TextHash } from '../hash.ts'
import { partOf } from '../rows-side.ts'
import type { Cut, KeyRange, Part, RowHashes, Side } from '../side.ts'
import { binding, type Bind, type KeyColumn, type Run, type Table } from './keys.ts'

/** A column as the database hashes it: the text of its value, which may be null, and the tag of its type. */
export interface HashedColumn {
  readonly text: string
  readonly tag: string
}

export interface HashedTable {
  readonly table: Table
  readonly key: KeyColumn
  /** The hash of a row; see `hashOfRow`. */
  readonly hash: string
  /** Rows that the database cannot hash, where there can be some. */
  readonly unhashed?: string
}

/**
 * Digests that PostgreSQL makes itself, so that rows need not leave it. Ranges with rows that it cannot hash are left to
 * a side that hashes in this process.
 */
export class PostgresDigests implements Pick<Side, 'digests' | 'hashes'> {
  readonly #run: Run
  readonly #hashed: HashedTable
  readonly #elsewhere: Pick<Side, 'digests' | 'hashes'>

  constructor(run: Run, hashed: HashedTable, elsewhere: Pick<Side, 'digests' | 'hashes'>) {
    this.#run = run
    this.#hashed = hashed
    this.#elsewhere = elsewhere
  }

  async digests(range: KeyRange, cut: Cut): Promise<readonly Part[]> {
    if ('ends' in cut) {
      const last = cut.ends.at(-1)
      const within = { ...range, ...(last !== undefined && { upTo: last }) }
      const parts = await (cut.ends.length === 1 ? this.#whole(within) : this.#at(within, cut.ends))
      return parts ?? this.#elsewhere.digests(range, cut)
    }
    const { table, key } = this.#hashed
    const end = (await key.end(this.#run, table, range, cut.rows * cut.parts)) ?? range.upTo
    const within = { ...range, ...(end !== undefined && { upTo: end }) }
    const parts = await (cut.parts === 1 ? this.#whole(within) : this.#cut(within, cut))
    return parts ?? this.#elsewhere.digests(range, cut)
  }

  async hashes(range: KeyRange, limit: number): Promise<RowHashes> {
    const { table, key } = this.#hashed
    const end = await key.end(this.#run, table, range, limit)
    const { values, from } = this.#rows({ ...range, ...(end !== undefined && { upTo: end }) })
    const rows = await this.#run(`select k, h::text as h, u::int::text as u from ${from} order by k`, values)
    if (rows.some(([, , unhashed]) => unhashed !== '0')) return this.#elsewhere.hashes(range, limit)
    return {
      rows: rows.map(([text, hash]) => ({ key: text!, hash: digestOfSum(hash!) })),
      ...(end !== undefined && { end }),
    }
  }

  /** One part; `undefined` where a row cannot be hashed. */
  async #whole(range: KeyRange): Promise<readonly Part[] | undefined> {
    const { values, from } = this.#rows(range)
    const [row] = await this.#run(`select null as k, ${sums} from ${from}`, values)
    const part = read(row!)
    return part && [partOf(range.upTo, part)]
  }

  async #cut(
    range: KeyRange,
    cut: { readonly rows: number; readonly parts: number },
  ): Promise<readonly Part[] | undefined> {
    const { values, from } = this.#rows(range)
    const size = `greatest(${cut.rows}, (count(*) over () + ${cut.parts - 1}) / ${cut.parts})`
    const rows = await this.#run(
      `select max(k) as k, ${sums} from (
         select k, h, u, (row_number() over (order by k) - 1) / ${size} as place from ${from}
       ) placed group by place order by place`,
      values,
    )
    if (rows.length === 0) return [partOf(range.upTo, nothing)]
    const parts = rows.map((row) => ({ end: row[0]!, part: read(row) }))
    if (parts.some(({ part }) => !part)) return undefined
    return parts.map(({ end, part }, place) => partOf(place === parts.length - 1 ? range.upTo : end, part!))
  }

  async #at(range: KeyRange, ends: readonly (string | undefined)[]): Promise<readonly Part[] | undefined> {
    // A bucket begins with its threshold, and a part behind the key before it: the next text behind a key is that key
    // and the smallest character.
    const thresholds = ends.slice(0, -1).map((end) => `${end}\u0001`)
    const { values, from, bind } = this.#rows(range)
    const list = `array(select value from jsonb_array_elements_text(${bind(JSON.stringify(thresholds))}::text::jsonb) with ordinality as each (value, place) order by place)`
    const rows = await this.#run(
      `select place::text as place, ${sums} from (select width_bucket(k, ${list}) as place, h, u from ${from}) placed group by place`,
      values,
    )
    const found = new Map(rows.map((row) => [Number(row[0]), read(row)]))
    if ([...found.values()].some((part) => !part)) return undefined
    return ends.map((end, place) => partOf(end, found.get(place) ?? nothing))
  }

  /** The keys `k` and hashes `h` of a range, and which rows are not hashed: `u`. */
  #rows(range: KeyRange): { readonly values: readonly string[]; readonly from: string; readonly bind: Bind } {
    const { table, key, hash, unhashed = 'false' } = this.#hashed
    const { values, bind } = binding()
    const from = `(
      select ${key.text} as k, ${hash} as h, ${unhashed} as u from ${table} r where ${key.within(range, bind)}
    ) hashed`
    return { values, from, bind }
  }
}

const nothing = { count: 0, digest: '0'.repeat(16) }

const sums = `count(*)::text as n, coalesce(sum(h), 0)::text as s, (count(*) filter (where u))::text as unhashed`

function read([, count, sum, unhashed]: readonly (string | null)[]): Pick<Part, 'count' | 'digest'> | undefined {
  return unhashed === '0' ? { count: Number(count), digest: digestOfSum(sum!) } : undefined
}

/** What `RowHasher` makes of a row whose columns are given in the order in which they are compared. */
export function hashOfRow(key: KeyColumn, keyTag: string, columns: readonly HashedColumn[]): string {
  const first = `hashtextextended(${key.text}, ${hashForm}::int8 # (${keyTag})::int8)`
  return columns.reduce(
    (hash, { text, tag }) => `hashtextextended(coalesce((${text}), '') collate "C", ${hash} # (${tag})::int8)`,
    first,
  )
}

/** Whether the database's hash of a text is the one that this process makes; it might be another one on some machine. */
export async function canHash(run: Run): Promise<boolean> {
  const text = 'Ärger \u{1f600} 0123456789'
  const [row] = await run(`select hashtextextended($1::text collate "C", 7::int8)::text`, [text])
  const hash = new TextHash()
  hash.low = 7
  hash.add(text, 0)
  const sum = BigInt.asIntN(64, (BigInt(hash.high >>> 0) << 32n) | BigInt(hash.low >>> 0))
  return row?.[0] === String(sum)
}
