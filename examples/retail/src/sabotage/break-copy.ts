import type { Stage } from '../tidings/stage.ts'
import { copyTable } from '../tidings/copies.ts'
import { inDatabase, mistypedAddressOf, type Saboteur } from './saboteur.ts'

/** A row of marketing's copy, with the version in which it is. */
interface CopiedRow {
  readonly email: string
  readonly tidings_version: string
}

export function copiedRow(stage: Stage, key: string): CopiedRow {
  const select = `select email, tidings_version from "${copyTable}" where id = ?`
  return inDatabase(stage, 'marketing', (database) => database.prepare(select).get(key) as CopiedRow)
}

/** Rows of marketing's copy are written by hand: edited, deleted, put back to what they were in an older version. */
export async function breakCopy(saboteur: Saboteur, olderRows: ReadonlyMap<string, CopiedRow>): Promise<void> {
  const { stage } = saboteur
  await saboteur.each('older', (key) => {
    const { email, tidings_version: version } = olderRows.get(key)!
    return pastTheGuard(stage, `update "${copyTable}" set email = ?, tidings_version = ? where id = ?`, [
      email,
      version,
      key,
    ])
  })
  await saboteur.each('edited', (key) =>
    pastTheGuard(stage, `update "${copyTable}" set email = ? where id = ?`, [mistypedAddressOf(key), key]),
  )
  await saboteur.each('removed', (key) => pastTheGuard(stage, `delete from "${copyTable}" where id = ?`, [key]))
}

/** The triggers of a copy let nobody write but the kit; who wants to can let himself in. Answers how many rows were changed. */
function pastTheGuard(stage: Stage, text: string, values: readonly string[]): number {
  return inDatabase(stage, 'marketing', (database) => {
    database.exec('begin immediate; update tidings_replica_guard set writable = 1')
    const { changes } = database.prepare(text).run(...values)
    database.exec('update tidings_replica_guard set writable = 0; commit')
    return changes
  })
}
