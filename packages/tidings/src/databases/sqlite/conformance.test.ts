import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { notRun } from '@tidings/tools/not-run'
import { describe, expect, test } from 'vitest'
import { databaseConformance, runDatabaseCase, type DatabaseSubject } from '../../database/conformance/index.ts'
import { startWriter } from '../../database/conformance/writer-process.fixture.ts'
import { sqliteDatabase, type SqliteClient } from './index.ts'

const require = createRequire(import.meta.url)

type OpenClient = (file: string) => SqliteClient & { close(): unknown }

/** `better-sqlite3` has to be compiled on many machines, so it may be missing. */
function clientOf(library: string): OpenClient | undefined {
  try {
    const Client = require(library) as new (file: string) => ReturnType<OpenClient>
    new Client(':memory:').close()
    return (file) => new Client(file)
  } catch {
    return undefined
  }
}

async function subjectOf(library: string, open: OpenClient, withReader: boolean): Promise<DatabaseSubject> {
  const folder = await mkdtemp(join(tmpdir(), 'tidings-sqlite-'))
  const file = join(folder, 'service.db')
  const clients: ReturnType<OpenClient>[] = []
  const connect = (...pragmas: string[]): SqliteClient => {
    const client = open(file)
    for (const pragma of ['busy_timeout = 2000', 'journal_mode = wal', 'foreign_keys = on', ...pragmas])
      client.exec(`pragma ${pragma}`)
    clients.push(client)
    return client
  }
  let client: SqliteClient
  return {
    open() {
      client = connect('synchronous = full')
      return sqliteDatabase({ client, busyTimeoutMs: 300, ...(withReader && { reader: connect() }) })
    },
    openNotDurable: () => sqliteDatabase({ client: connect('synchronous = normal') }),
    async begin() {
      client.exec('begin immediate')
      return {
        handle: client,
        commit: async () => void client.exec('commit'),
        rollBack: async () => void client.exec('rollback'),
      }
    },
    async lock() {
      const other = connect()
      other.exec('begin immediate')
      return async () => void other.exec('rollback')
    },
    startWriter: async () => startWriter(writerScript, [library, file]),
    async dispose() {
      for (const opened of clients) opened.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** What the killed process runs: the package as it was built, on the same file. */
const writerScript = `
  import { createRequire } from 'node:module'
  import { writePairs } from 'tidings/database/conformance'
  import { sqliteDatabase } from 'tidings/databases/sqlite'
  const [library, file] = process.argv.slice(-2)
  const Client = createRequire(import.meta.url)(library)
  const client = new Client(file)
  client.exec('pragma synchronous = full')
  const database = sqliteDatabase({ client })
  await database.start()
  await writePairs(database, (pair) => process.stdout.write(pair + '\\n'))
`

const variants = [
  { library: 'libsql', withReader: false, named: 'libsql' },
  { library: 'libsql', withReader: true, named: 'libsql with a reader' },
  { library: 'better-sqlite3', withReader: false, named: 'better-sqlite3' },
  { library: 'better-sqlite3', withReader: true, named: 'better-sqlite3 with a reader' },
]

describe.each(variants)('a database over $named', ({ library, withReader }) => {
  const open = clientOf(library)
  test.for(databaseConformance)('$name', async (databaseCase, context) => {
    if (!open) notRun(context, { part: library, reason: 'it is not installed', help: `npm install ${library}` })
    const reason = await runDatabaseCase(databaseCase, await subjectOf(library, open, withReader))
    if (reason !== undefined) notRun(context, { part: library, reason })
    expect(reason).toBeUndefined()
  })
})
