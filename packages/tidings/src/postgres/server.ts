import { TidingsError } from '../errors.ts'
import { messageOf, postgresCode } from './client.ts'
import type { PostgresRow } from './results.ts'

const oldest = 140_000

const settings = `select
  current_setting('server_version_num')::integer as version,
  pg_is_in_recovery() as standby,
  current_setting('synchronous_commit') as synchronous_commit,
  current_setting('fsync') as fsync,
  current_setting('server_encoding') as encoding,
  current_setting('standard_conforming_strings') as standard_conforming_strings`

/** Refuses a server that would not keep what the kit promises. */
export async function checkServer(read: (text: string) => Promise<readonly PostgresRow[]>): Promise<void> {
  const [found = {}] = await read(settings)
  if (Number(found['version']) < oldest) {
    throw new TidingsError('bad-request', `PostgreSQL ${String(found['version'])} is too old; 14 or newer is needed.`)
  }
  if (found['standby'] === true) {
    throw new TidingsError(
      'bad-request',
      'This PostgreSQL is a standby, which takes no writes; connect to the primary (target_session_attrs=read-write).',
    )
  }
  checkDurability(found)
  if (found['encoding'] !== 'UTF8' || found['standard_conforming_strings'] !== 'on') {
    throw new TidingsError(
      'bad-request',
      `The database has the encoding ${String(found['encoding'])} and standard_conforming_strings ${String(found['standard_conforming_strings'])}; Tidings needs UTF8 and on.`,
    )
  }
}

function checkDurability(found: PostgresRow): void {
  for (const name of ['synchronous_commit', 'fsync']) {
    if (found[name] !== 'off') continue
    throw new TidingsError(
      'database-not-durable',
      `A commit to this PostgreSQL would not survive a crash: "${name}" is off; set it to on, for the server, the database or the role.`,
    )
  }
}

/** What somebody can do about it that no connection could be had; `undefined` where it is the server that failed. */
export function connectRefusal(error: unknown): TidingsError | undefined {
  const code = postgresCode(error)
  const remedies: Record<string, string> = {
    '28P01': 'the password or the role is wrong; check the credentials of the pool',
    '28000': 'the role may not connect; check the credentials of the pool, and pg_hba.conf on the server',
    '3D000': 'there is no such database; create it, or correct the name in the pool',
    '42501': 'the role lacks the right to connect: grant connect on database … to …',
  }
  const remedy = remedies[code]
  if (remedy === undefined) return undefined
  return new TidingsError('bad-request', `No connection to PostgreSQL: ${remedy} (${messageOf(error)}).`, {
    cause: error,
  })
}
