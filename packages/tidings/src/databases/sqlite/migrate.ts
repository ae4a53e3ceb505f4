import { createHash } from 'node:crypto'
import type { MigrationSet, Transaction } from '../../database/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Connection } from './connection.ts'

const migrationsTable = `create table if not exists tidings_migrations (
  name text not null,
  number integer not null,
  checksum text not null,
  applied_at integer not null,
  primary key (name, number)
) strict`

/** Applies what is missing of a set, all of it in one transaction. */
export async function migrate(options: {
  readonly transaction: Transaction
  readonly connection: Connection
  readonly set: MigrationSet
  readonly now: number
}): Promise<void> {
  const { transaction, connection, set, now } = options
  if (!/^[a-z][a-z_]*$/.test(set.name)) {
    throw new TidingsError('bad-request', `"${set.name}" is not a name for migrations: use lower-case letters and "_".`)
  }
  await transaction.query(migrationsTable)
  const applied = await transaction.query<{ number: number; checksum: string }>(
    'select number, checksum from tidings_migrations where name = ? order by number',
    [set.name],
  )
  if (applied.length > set.migrations.length) {
    throw new TidingsError(
      'store-version',
      `The database is at migration ${applied.length} of "${set.name}", this version knows ${set.migrations.length}; run the newer version again.`,
    )
  }
  for (const [index, script] of set.migrations.entries()) {
    const checksum = createHash('sha256').update(script).digest('hex')
    const known = applied[index]
    if (!known) {
      connection.execute(script)
      await transaction.query(
        'insert into tidings_migrations (name, number, checksum, applied_at) values (?, ?, ?, ?)',
        [set.name, index + 1, checksum, now],
      )
    } else if (known.number !== index + 1 || known.checksum !== checksum) {
      throw new TidingsError(
        'bad-request',
        `Migration ${index + 1} of "${set.name}" is not the one that this database has applied; restore its text and put the change into a migration of its own.`,
      )
    }
  }
}
