import { createHash } from 'node:crypto'
import { TidingsError } from '../errors.ts'
import type { Dialect, MigrationSet, Transaction } from './port.ts'

/** Applies what is missing of a set, all of it in one transaction that nobody else runs at the same time. */
export async function applyMigrations(options: {
  readonly transaction: Transaction
  readonly dialect: Dialect
  /** Runs a script of several statements inside the transaction. */
  readonly execute: (script: string) => Promise<unknown> | unknown
  readonly set: MigrationSet
  /** Milliseconds since 1970. */
  readonly now: number
}): Promise<void> {
  const { transaction, dialect, execute, set, now } = options
  if (!/^[a-z][a-z_]*$/.test(set.name)) {
    throw new TidingsError('bad-request', `"${set.name}" is not a name for migrations: use lower-case letters and "_".`)
  }
  const [one, two, three, four] = [1, 2, 3, 4].map((number) => dialect.placeholder(number))
  const table = dialect.name === 'sqlite' ? 'tidings_migrations' : 'tidings.migrations'
  await transaction.query(createMigrations(table, dialect))
  const applied = await transaction.query<{ number: number; checksum: string }>(
    `select number, checksum from ${table} where name = ${one} order by number`,
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
      await execute(script)
      await transaction.query(
        `insert into ${table} (name, number, checksum, applied_at) values (${one}, ${two}, ${three}, ${four})`,
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

function createMigrations(table: string, { name }: Dialect): string {
  return `create table if not exists ${table} (
  name text not null,
  number integer not null,
  checksum text not null,
  applied_at ${name === 'sqlite' ? 'integer' : 'bigint'} not null,
  primary key (name, number)
)${name === 'sqlite' ? ' strict' : ''}`
}
