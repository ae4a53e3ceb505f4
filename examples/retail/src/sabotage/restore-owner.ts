import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { teamStatus } from '../tidings/finish.ts'
import { inDatabase, mistypedAddressOf, until, type Saboteur } from './saboteur.ts'

/**
 * The CRM's database is lost and put back from a backup, which does not know that addresses were changed since. The CRM
 * is cut off from the server meanwhile, which would tell it. Answers what ends that.
 */
export async function restoreOwner(saboteur: Saboteur): Promise<() => Promise<void>> {
  const { stage, targets } = saboteur
  const { directory, crm, gate } = stage
  const file = join(directory, 'crm.db')
  const backup = join(directory, 'crm-backup.db')
  inDatabase(stage, 'crm', (database) => database.exec(`vacuum into '${backup.replaceAll("'", "''")}'`))
  for (const key of targets.restored) await saboteur.correct(key, { email: mistypedAddressOf(key) })
  await saboteur.arrived()
  gate?.cut()
  await crm.restart(() => {
    for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
    copyFileSync(backup, file)
  })
  await until('the CRM answers again', () =>
    teamStatus(crm).then(
      () => true,
      () => false,
    ),
  )
  await saboteur.each('restored', (key) => addressIn(saboteur, key))
  return async () => gate?.mend()
}

/** 1 where the customer's address is the one of the backup again. */
function addressIn({ stage }: Saboteur, key: string): number {
  const wrong = inDatabase(stage, 'crm', (database) =>
    database.prepare('select 1 from customers where id = ? and email = ?').all(key, mistypedAddressOf(key)),
  )
  return wrong.length === 0 ? 1 : 0
}
