import { chinook, sales, salesTables as salesNames, sharedDatabase, type SharedDatabase } from '@tidings/tools/chinook'
import { openPool } from '@tidings/tools/postgres'
import { Client } from 'pg'
import { expect, type TestContext } from 'vitest'
import { createExtraction, type Extraction, type ExtractionNotice, type ExtractionOptions } from './index.ts'

export const salesTables = salesNames.map((name) => ({ old: name, new: name }))

export interface Database extends SharedDatabase {
  /** As the extraction has it, with a pool of its own. */
  place(): ExtractionOptions['old']
}

export interface ExtractBench {
  readonly old: Database
  readonly new: Database
  readonly notices: ExtractionNotice[]
  /** As another process has it: with pools of its own. */
  extraction(options?: Partial<ExtractionOptions>): Extraction
  /** Follows until the test ends, or the answered function is called. */
  follow(extraction?: Extraction): () => Promise<void>
}

let benches = 0

/** Chinook, and an empty database with these tables; both with ordinary roles. */
export async function extractBench(
  context: TestContext,
  { before = chinook(), after = sales }: { readonly before?: string; readonly after?: string } = {},
): Promise<ExtractBench> {
  const bench = { old: await database(context, before), new: await database(context, after) }
  const notices: ExtractionNotice[] = []
  const name = `sales_${process.pid}_${++benches}`
  const extraction = (options: Partial<ExtractionOptions> = {}): Extraction =>
    createExtraction({
      name,
      old: bench.old.place(),
      new: bench.new.place(),
      onNotice: (notice) => notices.push(notice),
      ...options,
    })
  return {
    ...bench,
    notices,
    extraction,
    follow(followed = extraction()) {
      const ending = new AbortController()
      const following = followed.follow({ signal: ending.signal })
      const stop = async (): Promise<void> => {
        ending.abort()
        await following
      }
      context.onTestFinished(stop)
      return stop
    },
  }
}

async function database(context: TestContext, tables: string): Promise<Database> {
  const made = await sharedDatabase(context, tables)
  return {
    ...made,
    place() {
      const pool = openPool({ connectionString: made.url, max: 8 })
      context.onTestFinished(() => pool.end())
      return {
        pool,
        replication: () => new Client({ connectionString: made.url, replication: 'database' } as object),
        called: `127.0.0.1${new URL(made.url).pathname}`,
      }
    },
  }
}

export async function inState(extraction: Extraction, state: string): Promise<void> {
  await expect.poll(async () => (await extraction.status())?.state, { timeout: 30_000, interval: 20 }).toBe(state)
}

/** Every row of a table, as text. */
async function rowsOf({ admin }: Database, table: string): Promise<readonly string[]> {
  const { rows } = await admin.query<{ row: string }>(`select t::text as row from ${table} t order by 1`)
  return rows.map(({ row }) => row)
}

/** Both sides have the same rows, now or in a moment. */
export async function expectEqual(bench: ExtractBench, tables: readonly string[]): Promise<void> {
  const differing = async (): Promise<readonly string[]> => {
    const found: string[] = []
    for (const table of tables) {
      const [before, after] = [new Set(await rowsOf(bench.old, table)), new Set(await rowsOf(bench.new, table))]
      const missing = [...before].filter((row) => !after.has(row)).map((row) => `only old: ${row}`)
      const added = [...after].filter((row) => !before.has(row)).map((row) => `only new: ${row}`)
      found.push(...[...missing, ...added].slice(0, 3).map((row) => `${table} ${row}`))
    }
    return found
  }
  await expect.poll(differing, { timeout: 30_000, interval: 100 }).toEqual([])
}

/** Limits that no machine is too slow for. */
export function ample(): { readonly limitMs: number; readonly signal: AbortSignal } {
  return { limitMs: 30_000, signal: new AbortController().signal }
}
