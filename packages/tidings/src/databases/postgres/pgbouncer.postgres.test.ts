import { behindPgbouncer } from '@tidings/tools/pgbouncer'
import { postgresDatabase as emptyDatabase, openPool } from '@tidings/tools/postgres'
import { describe, expect, test } from 'vitest'
import { databaseConformance } from '../../database/conformance/index.ts'
import { clients } from './clients.fixture.ts'
import { postgresDatabase } from './index.ts'
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

  test('a transaction leaves nothing of its own on the connection that somebody else gets', async (context) => {
    const { url } = await behindPgbouncer(context, (await emptyDatabase(context)).url)
    const client = open({ url, pooled: true })
    const others = openPool({ connectionString: url })
    context.onTestFinished(async () => {
      await client.end()
      await others.end()
    })
    const database = postgresDatabase({ ...client.connections, lockTimeoutMs: 300 })
    await database.start()
    const kept = await database.transaction((tx) => tx.query("select current_setting('lock_timeout') as kept"))
    expect(kept).toEqual([{ kept: '300ms' }])
    // Both connections of the pooler, one of which it was.
    const both = await Promise.all([others.connect(), others.connect()])
    const seen = both.map(async (other) => {
      await other.query('begin')
      return (await other.query<{ lock_timeout: string }>('show lock_timeout')).rows[0]!.lock_timeout
    })
    expect(await Promise.all(seen)).toEqual(['0', '0'])
    for (const other of both) other.release(true)
  })
})
