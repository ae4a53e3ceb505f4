import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Client from 'libsql'
import { afterEach, beforeEach } from 'vitest'
import type { Database } from '../../database/index.ts'
import { sqliteDatabase, type SqliteDatabaseOptions } from './index.ts'

type LibsqlClient = InstanceType<typeof Client>

/** Gives each test of the file that calls it an empty folder, which goes with the connections that it opened there. */
export function folderOfEachTest(): {
  readonly file: (name: string) => string
  /** A connection to `service.db` with these pragmas. */
  readonly connect: (...pragmas: string[]) => LibsqlClient
  readonly connectTo: (file: string) => LibsqlClient
  /** A database on `service.db` with a table of names. */
  readonly started: (options?: Partial<SqliteDatabaseOptions>) => Promise<Database>
} {
  let folder = ''
  let opened: LibsqlClient[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidings-sqlite-'))
  })
  afterEach(() => {
    for (const client of opened) client.close()
    opened = []
    rmSync(folder, { recursive: true })
  })
  const file = (name: string): string => join(folder, name)
  const connectTo = (name: string): LibsqlClient => {
    const client = new Client(file(name))
    opened.push(client)
    return client
  }
  const connect = (...pragmas: string[]): LibsqlClient => {
    const client = connectTo('service.db')
    for (const pragma of pragmas) client.exec(`pragma ${pragma}`)
    return client
  }
  const started = async (options: Partial<SqliteDatabaseOptions> = {}): Promise<Database> => {
    const client = options.client ?? connect('journal_mode = wal')
    client.exec('create table if not exists entry (name text primary key)')
    const database = sqliteDatabase({ client, busyTimeoutMs: 1_000, ...options })
    await database.start()
    return database
  }
  return { file, connect, connectTo, started }
}

export function add(database: Database, name: string): Promise<unknown> {
  return database.transaction((transaction) => transaction.query('insert into entry values (?)', [name]))
}

export async function names(database: Database): Promise<unknown[]> {
  return (await database.query('select name from entry order by name')).map(({ name }) => name)
}
