import { spansOf } from '../key-order.ts'
import type { KeyRange } from '../side.ts'

/** Runs one statement that reads; every value, in and out, is a text. */
export type Run = (text: string, values: readonly string[]) => Promise<readonly (readonly (string | null)[])[]>

/** A table as statements have it; its rows are called `r`. */
export type Table = string

/** Adds a value to a statement and answers its placeholder. */
export type Bind = (value: string) => string

/** Ranges of keys in SQL, such that an index of the key's own type is used where there can be one. */
export interface KeyColumn {
  /** The text of the key, ordered by its bytes. */
  readonly text: string
  within(range: KeyRange, bind: Bind): string
  /** A key up to which a range has about so many rows; `undefined` where it has no more. */
  end(run: Run, table: Table, range: KeyRange, rows: number): Promise<string | undefined>
}

/** Keys whose own order is that of their texts, or whose texts have to be made to be compared. */
export function textKey(options: {
  readonly text: string
  /** What is compared and ordered: the column, where it has the order; otherwise the text. */
  readonly ordered?: string
  /** For values of a type that is no text. */
  readonly cast?: string
  /** Whether a text is a value of that type. */
  readonly accepts?: (key: string) => boolean
}): KeyColumn {
  const text = `(${options.text}) collate "C"`
  const { ordered = text, cast = '', accepts = () => true } = options
  const compared = (operator: string, key: string, bind: Bind): string =>
    accepts(key) ? `${ordered} ${operator} ${bind(key)}${cast}` : `${text} ${operator} ${bind(key)}`
  const within: KeyColumn['within'] = ({ after, upTo }, bind) =>
    [
      ...(after === undefined ? [] : [compared('>', after, bind)]),
      ...(upTo === undefined ? [] : [compared('<=', upTo, bind)]),
    ].join(' and ') || 'true'
  return {
    text,
    within,
    async end(run, table, range, rows) {
      const { values, bind } = binding()
      const found = await run(
        `select ${text} from ${table} r where ${within(range, bind)} order by ${ordered} offset ${rows - 1} limit 1`,
        values,
      )
      return found[0]?.[0] ?? undefined
    },
  }
}

/** Integers: a range is one span in each class of equally many digits, and each of them is one of the index. */
function integerKey(column: string): KeyColumn {
  const text = `(${column}::text) collate "C"`
  const span = (low: bigint, high: bigint): string => `${column} between '${low}'::int8 and '${high}'::int8`
  return {
    text,
    within(range) {
      if (range.after === undefined && range.upTo === undefined) return 'true'
      const spans = spansOf(range).map(({ low, high }) => span(low, high))
      return spans.length === 0 ? 'false' : `(${spans.join(' or ')})`
    },
    async end(run, table, range, rows) {
      // So many rows of one class are found soon; those of the others that lie before them come in addition.
      const candidates = spansOf(range).map(
        ({ low, high }) =>
          `((select ${text} from ${table} r where ${span(low, high)} order by ${column}${high < 0n ? ' desc' : ''} offset ${rows - 1} limit 1))`,
      )
      if (candidates.length === 0) return undefined
      const found = await run(`select min(k collate "C") from (values ${candidates.join(', ')}) found (k)`, [])
      return found[0]?.[0] ?? undefined
    },
  }
}

/** Whether the texts of a column are compared byte by byte where nothing else is said. */
export async function isOrderedByBytes(run: Run, table: string, column: string): Promise<boolean> {
  const [row] = await run(
    `select c.collname, d.datcollate, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
       from pg_attribute a join pg_collation c on c.oid = a.attcollation, pg_database d
      where a.attrelid = to_regclass($1) and a.attname = $2 and d.datname = current_database()`,
    [table, column],
  )
  const [collation, ofDatabase, provider] = row ?? []
  const isC = (name: string | null | undefined): boolean => name === 'C' || name === 'POSIX'
  return isC(collation) || (collation === 'default' && provider === 'c' && isC(ofDatabase))
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The key in one column of a type of the catalogue, by its own index where its order is that of the texts, or of integers. */
export async function typedKey(
  run: Run,
  {
    table,
    name,
    form,
    text,
  }: { readonly table: Table; readonly name: string; readonly form: string; readonly text: string },
): Promise<KeyColumn> {
  const column = `r."${name.replaceAll('"', '""')}"`
  if (['int2', 'int4', 'int8'].includes(form)) return integerKey(column)
  if (form === 'uuid') return textKey({ text, ordered: column, cast: '::uuid', accepts: (key) => uuid.test(key) })
  const isText = form === 'text' || form === 'varchar'
  return isText && (await isOrderedByBytes(run, table, name)) ? textKey({ text, ordered: column }) : textKey({ text })
}

/** The same for a table whose types are not known. */
export async function keyOfColumn(
  run: Run,
  { table, keyColumn }: { readonly table: string; readonly keyColumn: string },
): Promise<KeyColumn> {
  const [name, column] = [table, keyColumn].map((each) => `"${each.replaceAll('"', '""')}"`)
  const [row] = await run(
    `select case when t.typbasetype = 0 then t.typname else b.typname end as form
       from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = t.typbasetype
      where a.attrelid = to_regclass($1) and a.attname = $2`,
    [name!, keyColumn],
  )
  return typedKey(run, { table: name!, name: keyColumn, form: row?.[0] ?? '', text: `r.${column}::text` })
}

/** Collects the values of a statement. */
export function binding(): { readonly values: string[]; readonly bind: Bind } {
  const values: string[] = []
  return { values, bind: (value) => `$${values.push(value)}` }
}
