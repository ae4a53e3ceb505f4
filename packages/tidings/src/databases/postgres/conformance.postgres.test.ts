import { notRun } from '@tidings/tools/not-run'
import { postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import { describe, expect, test, type TestContext } from 'vitest'
import {
  databaseConformance,
  runDatabaseCase,
  type DatabaseCase,
  type DatabaseSubject,
} from '../../database/conformance/index.ts'
import { startWriter } from '../../database/conformance/writer-process.fixture.ts'
import { clients, foreignClients, type ClientOptions, type OpenClient } from './clients.fixture.ts'
import { postgresDatabase } from './index.ts'

function subjectOf(openClient: (options: ClientOptions) => OpenClient, url: string, script?: string): DatabaseSubject {
  const opened: OpenClient[] = []
  const open = (settings: ClientOptions['settings'] = {}): OpenClient => {
    const client = openClient({ url, settings })
    opened.push(client)
    return client
  }
  return {
    open: () => postgresDatabase({ ...open().connections, lockTimeoutMs: 300 }),
    openNotDurable: () => postgresDatabase(open({ synchronous_commit: 'off' }).connections),
    begin: () => open().begin(),
    async lock() {
      const { run, rollBack } = await open().begin()
      await run('lock table entry in exclusive mode')
      return rollBack
    },
    ...(script === undefined ? {} : { startWriter: async () => startWriter(script, [url]) }),
    dispose: async () => void (await Promise.all(opened.map((client) => client.end()))),
  }
}

/** What the killed process runs: the package as it was built, on the same database. */
const writerScripts: Readonly<Record<(typeof clients)[number]['name'], string>> = {
  pg: writerScript("import pg from 'pg'", '{ pool: new pg.Pool({ connectionString: url }) }'),
  'postgres.js': writerScript("import postgres from 'postgres'", '{ sql: postgres(url) }'),
}

function writerScript(load: string, connections: string): string {
  return `
    ${load}
    import { writePairs } from 'tidings/database/conformance'
    import { postgresDatabase } from 'tidings/databases/postgres'
    const url = process.argv.at(-1)
    const database = postgresDatabase(${connections})
    await database.start()
    await writePairs(database, (pair) => process.stdout.write(pair + '\\n'))
  `
}

async function tryCase(context: TestContext, databaseCase: DatabaseCase, subject: DatabaseSubject): Promise<void> {
  const reason = await runDatabaseCase(databaseCase, subject)
  if (reason !== undefined) notRun(context, { part: 'postgres', reason })
  expect(reason).toBeUndefined()
}

describe.for(clients)('a database over $name', ({ name, open }) => {
  test.for(databaseConformance)('$name', async (databaseCase, context) => {
    const { url } = await emptyDatabase(context)
    await tryCase(context, databaseCase, subjectOf(open, url, writerScripts[name]))
  })
})

describe.for(foreignClients)('a transaction of $name', ({ open }) => {
  test.for(databaseConformance.filter(({ name }) => name.includes('join')))('$name', async (databaseCase, context) => {
    const { url } = await emptyDatabase(context)
    await tryCase(context, databaseCase, subjectOf(open, url))
  })
})
