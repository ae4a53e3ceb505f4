import { codeOf } from '../capture/client.ts'
import type { Session } from '../capture/session.ts'

/** Of tables whose foreign keys among each other are taken off. */
export async function emptyTables(session: Session, tables: readonly string[]): Promise<void> {
  await session.rows('savepoint before_emptying')
  try {
    await session.rows(`truncate ${tables.join(', ')}`)
  } catch (error) {
    // A foreign key of another table is in the way, which the rows need not be.
    if (codeOf(error) !== '0A000') throw error
    await session.rows('rollback to before_emptying')
    for (const table of tables) await session.rows(`delete from ${table}`)
  }
}
