import { sleep, type Environment } from '../environment/index.ts'
import type { CapturePool } from './client.ts'
import { readRows } from './rows.ts'
import type { CapturedTable } from './table.ts'
import type { Change } from './transaction.ts'

const lookAgainMs = 20

/**
 * Completes rows of which the log leaves out values that did not change (stored apart, without `replica identity full`)
 * with the rows as they are at present. What is read is the state after this change or after a later one, which the log
 * has too: its event follows with a higher version, so that a copy ends with the last state; until then it may have it a
 * little too early, but never a mixture that was no state at all. A row that is gone by now is left out: the log goes on
 * with its deletion, or with the change of its key.
 */
export async function completeRows(
  options: {
    readonly pool: CapturePool
    readonly environment: Environment
    readonly table: CapturedTable
    readonly signal: AbortSignal
  },
  { changes, xid }: { readonly changes: readonly Change[]; readonly xid: number },
): Promise<readonly Change[]> {
  const { pool, environment, table, signal } = options
  const keys = changes.map(({ form, row }) => form.keyTexts(row!))
  let rows = await readRows(pool, table, { keys, xid })
  while (!rows) {
    await sleep(environment, lookAgainMs, signal)
    signal.throwIfAborted()
    rows = await readRows(pool, table, { keys, xid })
  }
  const present = new Map(rows.map((row) => [table.form.key(row), row]))
  return changes.flatMap((change) => {
    const row = present.get(change.key)
    return row ? [{ ...change, row, form: table.form }] : []
  })
}
