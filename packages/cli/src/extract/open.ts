import type { ClientConfig, Pool } from 'pg'
import type { Extraction, Place } from 'tidings/extract'
import { UsageError } from '../failure.ts'
import { databaseUrl, openPool, withoutPassword } from '../postgres.ts'
import type { Session } from '../session.ts'

/** What every command of an extraction is told. */
export interface ExtractFlags {
  readonly from?: string
  readonly to?: string
  readonly name?: string
}

/** An extraction with connections to both databases. */
export interface OpenExtraction extends AsyncDisposable {
  readonly extraction: Extraction
  readonly name: string
  /** A command of it, as it is typed. */
  command(words: string): string
}

/** Connections at once: one holds the lock, one applies, and the others look and switch. */
const connections = 8

export async function openExtraction(session: Session, flags: ExtractFlags): Promise<OpenExtraction> {
  const from = databaseUrl(session, '--from', flags.from, 'TIDINGS_FROM')
  const to = databaseUrl(session, '--to', flags.to, 'TIDINGS_TO')
  const name = flags.name ?? nameOf(to)
  const { output } = session
  const { createExtraction } = await import('tidings/extract')
  const places = [await placeOf(from), await placeOf(to)] as const
  const extraction = createExtraction({
    name,
    old: places[0],
    new: places[1],
    onNotice: ({ level, message }) => (level === 'warning' ? output.warn(message) : output.note(message)),
  })
  // Where the variables say it, the line that is shown need not.
  const told = [
    ...(flags.from === undefined ? [] : ['--from', withoutPassword(from)]),
    ...(flags.to === undefined ? [] : ['--to', withoutPassword(to)]),
    ...(flags.name === undefined ? [] : ['--name', name]),
  ]
  return {
    extraction,
    name,
    command: (words) => ['tidings extract', words, ...told].join(' '),
    async [Symbol.asyncDispose]() {
      for (const { pool } of places) await pool.end()
    },
  }
}

async function placeOf(url: string): Promise<Place & { readonly pool: Pool }> {
  const { default: pg } = await import('pg')
  const { host, pathname } = new URL(url)
  return {
    pool: await openPool(url, { max: connections }),
    replication: () =>
      new pg.Client({ connectionString: url, replication: 'database', application_name: 'tidings' } as ClientConfig),
    called: `${host}${decodeURIComponent(pathname)}`,
  }
}

/** One database takes the tables of one extraction, as a rule; so it lends it its name. */
function nameOf(url: string): string {
  const name = decodeURIComponent(new URL(url).pathname.slice(1))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 40)
  if (name === '')
    throw new UsageError('--to needs the name of a database at its end: postgres://user@host:5432/database.')
  return name
}
