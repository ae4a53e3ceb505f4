import { read } from '../capture/session.ts'
import type { CapturedTable } from '../capture/table.ts'
import {
  compare,
  openTable,
  type Comparison,
  type Difference,
  type Progress,
  type Side as Compared,
} from '../verify/index.ts'
import type { Parts } from './parts.ts'
import type { Side } from './side.ts'
import { states } from './states.ts'
import type { ExtractionState } from './store.ts'
import { inspectPairs } from './tables.ts'

export interface CompareSidesOptions {
  /** How long a difference has to last, with neither row written, before it is one: 10 s. */
  readonly patienceMs?: number
  readonly signal: AbortSignal
  readonly onDifference: (table: string, difference: Difference) => void
  readonly onProgress?: (table: string, progress: Progress) => void
}

/** How two tables compare; `source` is the one that is written. */
export interface TableComparison extends Comparison {
  readonly table: string
  /** Rows of the new table that lack the row to which a foreign key has to refer, which is taken off while it follows. */
  readonly orphans: number
}

/** Compares every table of both sides, value by value, while they are written and followed. */
export async function compareSides(
  parts: Parts,
  state: ExtractionState,
  options: CompareSidesOptions,
): Promise<readonly TableComparison[]> {
  const { sides, store, environment } = parts
  const { onDifference, onProgress, signal, patienceMs } = options
  const [from, to] = states[state.state].source === 'old' ? [sides.old, sides.new] : [sides.new, sides.old]
  const pairs = await inspectPairs(sides, state.tables)
  const all: TableComparison[] = []
  for (const pair of pairs) {
    const columns = pair.old.shape.map(({ name }) => name)
    const table = pair.old.name
    const comparison = await compare({
      source: await open(from, pair[from.role], columns),
      copy: await open(to, pair[to.role], columns),
      environment,
      signal,
      onDifference: (difference) => onDifference(table, difference),
      ...(onProgress && { onProgress: (progress: Progress) => onProgress(table, progress) }),
      ...(patienceMs !== undefined && { patienceMs }),
    })
    all.push({ ...comparison, table, orphans: to.role === 'new' ? await orphans(sides.new, pair.new) : 0 })
  }
  if (all.every((each) => each.differences + each.changing + each.orphans === 0)) await store.noteCompared(state.state)
  return all
}

function open({ pool }: Side, table: CapturedTable, columns: readonly string[]): Promise<Compared> {
  const [only, ...others] = table.key.map(({ name }) => name)
  const ofSeveral = columns.includes('key') ? '_key' : 'key'
  const key = others.length === 0 && only !== undefined ? only : ofSeveral
  return openTable({ pool, table: table.name, key, columns: columns.filter((name) => name !== key) })
}

interface TakenKey {
  readonly table: string
  readonly definition: string
}

/** The foreign keys are put back with the switch; rows against one of them are better found before. */
async function orphans(side: Side, table: CapturedTable): Promise<number> {
  return read(side.pool, async (session) => {
    const [row] = await session.rows('select foreign_keys from tidings.extraction_side where name = $1 and role = $2', [
      side.name,
      side.role,
    ])
    const keys = (JSON.parse(row![0]!) as readonly TakenKey[]).filter((key) => key.table === table.name)
    let count = 0
    for (const { definition } of keys) {
      const [, own = '', referenced = '', others = ''] =
        /^FOREIGN KEY \((.*?)\) REFERENCES (.*?)\((.*?)\)/.exec(definition) ?? []
      const [columns, places] = [own, others].map((text) => text.split(', '))
      const equal = columns!.map((column, place) => `r.${places![place]} = t.${column}`).join(' and ')
      const present = columns!.map((column) => `t.${column} is not null`).join(' and ')
      const [found] = await session.rows(
        `select count(*) from ${table.name} t where ${present} and not exists (select 1 from ${referenced} r where ${equal})`,
      )
      count += Number(found![0])
    }
    return count
  })
}
