import type { Pool } from 'pg'
import { CommandError, UsageError } from './failure.ts'
import type { Session } from './session.ts'

/** The address of a PostgreSQL database: that of the option, or of the variable. */
export function databaseUrl(
  session: Session,
  option: string,
  given: string | undefined,
  variable = 'TIDINGS_DATABASE',
): string {
  const url = given ?? session.terminal.env[variable]
  if (url === undefined) throw new UsageError(`Say where the database is: ${option} postgres://…`)
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new UsageError(`${option} needs the address of a PostgreSQL: postgres://user@host:5432/database.`)
  }
  return url
}

/** The address as it may be shown. */
export function withoutPassword(url: string): string {
  const shown = new URL(url)
  shown.password = ''
  return shown.href
}

/** Connections that fail while nobody uses them are noticed by whoever uses the next one. */
export async function openPool(url: string, { max = 4 }: { readonly max?: number } = {}): Promise<Pool> {
  // pg is loaded by those who need it only.
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({ connectionString: url, max, application_name: 'tidings' })
  pool.on('error', () => undefined)
  return pool
}

const remedies: Readonly<Record<string, string>> = {
  '28P01': 'correct the user or the password in the address',
  '28000': 'correct the user in the address, or let pg_hba.conf on the server admit it',
  '3D000': 'correct the name of the database at the end of the address',
  '42501': 'connect as a role that may do this',
  ENOTFOUND: 'correct the host in the address',
}

/** What the server refused with a code of its own, with what helps; everything else as it is. */
export function explained(error: unknown): unknown {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error) || !('code' in cause)) return error
  const remedy = remedies[String(cause.code)]
  if (remedy === undefined || (error !== cause && String(cause.code) !== 'ENOTFOUND')) return error
  return new CommandError(`PostgreSQL refused: ${cause.message}; ${remedy}.`, { cause: error })
}
