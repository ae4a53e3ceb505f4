import { postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import { describe, test } from 'vitest'
import { databaseConformance } from '../../database/conformance/index.ts'
import { clients, foreignClients } from './clients.fixture.ts'
import { subjectOf, tryCase } from './subject.fixture.ts'

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
