import { codeOf, type CapturePool } from '../../capture/client.ts'
import { read } from '../../capture/session.ts'
import type { Database, SqlRow } from '../../database/index.ts'
import type { DatabaseRows } from '../database-rows.ts'
import type { RowReader } from '../rows-side.ts'
import { rangeTooLarge } from '../time-limit.ts'
import { binding, type KeyColumn, type Run } from './keys.ts'

/** Reads a table of PostgreSQL by ranges of its keys. */
export function postgresReader(
  rows: DatabaseRows,
  keyColumn: KeyColumn,
  { key, columns }: Pick<RowReader, 'key' | 'columns'>,
): RowReader {
  return {
    key,
    columns,
    find: (keys) => rows.find(keys),
    end: (range, limit) => keyColumn.end(runOn(rows.database), rows.table, range, limit),
    pages: (range) =>
      rows.pages(range, (after) => {
        const bound = binding()
        const within = keyColumn.within(range, bound.bind)
        const { length } = bound.values
        if (after === undefined) return { condition: within, values: bound.values }
        return { condition: `(${within}) and ${rows.keyColumn} > $${length + 1}`, values: [...bound.values, after] }
      }),
  }
}

/** What holds for a statement that reads many rows: compiling it takes longer than it saves. */
const settings = `set_config('jit', 'off', true), set_config('transaction_read_only', 'on', true)`

/**
 * The same as `runOn` in transactions of their own, for statements that read many rows. One that takes longer than
 * `limitMs` is ended by the server and refused as `range-too-large`.
 */
export function readingRun(database: Database, { limitMs }: { readonly limitMs?: number } = {}): Run {
  return (text, values) =>
    limited(limitMs, () =>
      database.transaction(async (transaction) => {
        await transaction.query(`select ${settings}, ${timeout(limitMs)}`)
        return rowsOf(await transaction.query(text, values))
      }),
    )
}

/** The same on a pool, with the forms of values that a capture has. */
export function readingRunOnPool(pool: CapturePool, { limitMs }: { readonly limitMs?: number } = {}): Run {
  return (text, values) =>
    limited(limitMs, () =>
      read(pool, async (session) => {
        await session.rows(`select ${settings}, ${timeout(limitMs)}`)
        return session.rows(text, values)
      }),
    )
}

function timeout(limitMs: number | undefined): string {
  return limitMs === undefined ? 'null' : `set_config('statement_timeout', '${Math.max(1, Math.ceil(limitMs))}', true)`
}

async function limited<Result>(limitMs: number | undefined, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (limitMs === undefined || codeOf(error) !== canceled) throw error
    throw rangeTooLarge(limitMs, error)
  }
}

/** The SQLSTATE of a statement that took longer than it may. */
const canceled = '57014'

/** Every column of a statement has a name of its own, and is a text. */
export function runOn(database: Database): Run {
  return async (text, values) => {
    return rowsOf(await database.query(text, values))
  }
}

function rowsOf(rows: readonly SqlRow[]): readonly (readonly (string | null)[])[] {
  return rows.map((row) => Object.values(row) as (string | null)[])
}
