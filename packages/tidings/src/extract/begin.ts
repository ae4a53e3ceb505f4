import { refusal } from '../capture/client.ts'
import { read } from '../capture/session.ts'
import { guarded, type Parts } from './parts.ts'
import { guardSide } from './guard.ts'
import { withLocks } from './locks.ts'
import { checkRights, checkServers } from './rights.ts'
import { identityOf, loadSide, prepareSide } from './side.ts'
import type { ExtractionState, TableNames } from './store.ts'
import { inspectPairs, looserConstraints, type TablePair } from './tables.ts'

const limitMs = 30_000

/**
 * Begins an extraction, or looks whether it may go on: refuses what would be in the way later, says what might be, and
 * from then on the new tables are guarded. Nothing of the old database is changed but for a row of its own.
 */
export async function begin(parts: Parts, tables: readonly TableNames[]): Promise<void> {
  const { sides, store, environment } = parts
  await checkServers(sides)
  await checkRights(sides, tables)
  const earlier = await store.load()
  const pairs = await inspectPairs(sides, tables)
  const names = pairs.map((pair) => ({ old: pair.old.name, new: pair.new.name }))
  if (new Set(names.map((name) => name.old)).size < names.length) throw refusal('A table is named twice.')
  if (earlier) return sameTables(parts, earlier, names)
  await prepareSide(sides.new, await identityOf(sides.old.pool))
  await prepareSide(sides.old, await identityOf(sides.new.pool))
  await sayWhatMatters(parts, pairs)
  const state: ExtractionState = {
    state: 'filling',
    tables: names,
    token: undefined,
    isOverdue: false,
    comparedAt: undefined,
    problem: undefined,
  }
  await withLocks(sides.new, { environment, limitMs }, async (session) => {
    for (const { name } of pairs.map((pair) => pair.new)) {
      await session.rows(`lock table ${name} in share row exclusive mode`)
      const [row] = await session.rows(`select 1 from ${name} limit 1`)
      if (row) throw refusal(`The table ${name} of the new database is not empty; empty it first: delete from ${name}`)
    }
    await store.create(session, names)
    await guardSide(session, guarded(parts, 'new', state), { token: environment.ids.next() })
  })
}

function sameTables({ sides }: Parts, { tables }: ExtractionState, names: readonly TableNames[]): void {
  const listed = (each: readonly TableNames[]): string =>
    JSON.stringify(each.map((name) => [name.old, name.new]).toSorted())
  if (listed(tables) === listed(names)) return
  const begun = tables.map((table) => table.old).join(', ')
  throw refusal(
    `The extraction ${sides.new.name} was begun with other tables (${begun}); abandon it first, or give this one another name.`,
  )
}

/** Refuses databases that are not the two that it was begun with. */
export async function checkSame({ sides }: Parts): Promise<void> {
  for (const [side, other] of [
    [sides.old, sides.new],
    [sides.new, sides.old],
  ] as const) {
    const row = await loadSide(side)
    if (!row)
      throw refusal(
        `The ${side.role} database (${side.called}) has nothing of the extraction ${side.name}; is it another one?`,
      )
    if (row.other === (await identityOf(other.pool))) continue
    throw refusal(
      `The extraction ${side.name} was begun with another ${other.role} database than ${other.called}; give the address of that one.`,
    )
  }
}

/** What is no reason to refuse, but may stop the way back one day. */
async function sayWhatMatters(parts: Parts, pairs: readonly TablePair[]): Promise<void> {
  const { sides, notice } = parts
  const looser = await looserConstraints(sides, pairs)
  if (looser.length > 0) {
    notice(
      'warning',
      `The new tables do not have these constraints of the old ones: ${looser.join('; ')}. After the switch, a row against one of them could not be followed back.`,
    )
  }
  const oids = pairs.map((pair) => String(pair.old.oid))
  const [referring, triggers] = await read(sides.old.pool, async (session) => [
    await session.rows(
      `select distinct conrelid::regclass::text from pg_constraint
        where contype = 'f' and confrelid = any ($1::oid[]) and conrelid <> all ($1::oid[])`,
      [oids],
    ),
    await session.rows(
      `select tgrelid::regclass || '.' || tgname from pg_trigger
        where tgrelid = any ($1::oid[]) and not tgisinternal and tgenabled = 'O'`,
      [oids],
    ),
  ])
  if (referring.length > 0) {
    notice(
      'warning',
      `Tables that stay refer to those that go: ${referring.join(', ')}. After the switch, a row that is deleted in the new database while one there refers to it could not be followed back.`,
    )
  }
  if (triggers.length > 0) {
    notice(
      'warning',
      `These triggers of the old tables will not fire for what is followed back: ${triggers.join(', ')}. Those that have to are made so with "enable always trigger".`,
    )
  }
}
