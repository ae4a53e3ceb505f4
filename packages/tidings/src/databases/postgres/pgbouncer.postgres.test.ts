import { behindPgbouncer } from '@tidings/tools/pgbouncer'
import { postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import { describe, test } from 'vitest'
import { databaseConformance } from '../../database/conformance/index.ts'
import { clients } from './clients.fixture.ts'
import { subjectOf, tryCase } from './subject.fixture.ts'

/** What the suite asks beside transactions is a setting of the connection and the death of a process. */
const cases = databaseConformance.filter(({ name }) => !/durable|after a crash/.test(name))

describe.for(clients)('a database over $name and PgBouncer in transaction mode', ({ open }) => {
  test.for(cases)('$name', async (databaseCase, context) => {
    const { url } = await behindPgbouncer(context, (await emptyDatabase(context)).url)
    await tryCase(
      context,
      databaseCase,
      subjectOf((options) => open({ ...options, pooled: true }), url),
    )
  })
})
