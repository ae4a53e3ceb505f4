import { TidingsError } from '../../errors.ts'
import { whileBusy, type Patience } from './busy.ts'
import type { Connection } from './connection.ts'

const full = 2

/** Makes the connections the kit's own and refuses a database whose commits would not survive a power loss. */
export async function openConnections(options: {
  readonly writer: Connection
  readonly reader: Connection | undefined
  readonly allowVolatile: boolean
  readonly patience: Patience
}): Promise<void> {
  const { writer, reader, allowVolatile, patience } = options
  if (writer.inTransaction) {
    throw new TidingsError(
      'transaction-misuse',
      'The connection is inside a transaction; end it before the database starts.',
    )
  }
  for (const connection of reader ? [writer, reader] : [writer]) {
    // The kit waits by itself, without holding up the process.
    connection.execute('pragma busy_timeout = 0')
    // The first read finds a file that is no database and decides, with WAL, on the default for `synchronous`.
    await whileBusy(patience, () => connection.run('select count(*) from sqlite_schema', []))
  }
  checkFiles(writer, reader)
  if (fileOf(writer) === '' && allowVolatile) return
  checkDurability(writer)
  // Only macOS knows the difference: there, a plain fsync leaves the data in the drive's cache.
  writer.execute('pragma fullfsync = on')
}

function checkFiles(writer: Connection, reader: Connection | undefined): void {
  if (!reader) return
  if (reader.client === writer.client || fileOf(reader) === '' || fileOf(reader) !== fileOf(writer)) {
    throw new TidingsError(
      'bad-request',
      'The `reader` must be a second connection to the same database file as the `client`.',
    )
  }
}

function checkDurability(writer: Connection): void {
  if (fileOf(writer) === '') {
    throw notDurable(
      'it lives in memory and ends with its connection',
      'open a file, or pass allowVolatile: true in a test',
    )
  }
  const synchronous = Number(setting(writer, 'synchronous'))
  if (synchronous < full) {
    throw notDurable(`"pragma synchronous" is ${synchronous}`, 'run "pragma synchronous = full" on the connection')
  }
  const journalMode = String(setting(writer, 'journal_mode'))
  if (journalMode === 'off' || journalMode === 'memory') {
    throw notDurable(`"pragma journal_mode" is ${journalMode}`, 'run "pragma journal_mode = wal" on the connection')
  }
}

function notDurable(reason: string, remedy: string): TidingsError {
  return new TidingsError(
    'database-not-durable',
    `A commit to this SQLite database would not survive a power loss: ${reason}; ${remedy}.`,
  )
}

function setting(connection: Connection, name: string): unknown {
  const [row] = connection.run(`pragma ${name}`, [])
  return row && Object.values(row)[0]
}

/** The path of the main database; empty for one in memory or in a temporary file. */
function fileOf(connection: Connection): string {
  const databases = connection.run('pragma database_list', [])
  return String(databases.find((database) => database['name'] === 'main')?.['file'] ?? '')
}
