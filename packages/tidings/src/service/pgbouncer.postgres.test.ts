import { behindPgbouncer } from '@tidings/tools/pgbouncer'
import { postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import { describe, expect, onTestFinished, test, vi, type TestContext } from 'vitest'
import { allowAll, createBroker } from '../broker/index.ts'
import type { Database } from '../database/index.ts'
import { clients, type OpenClient } from '../databases/postgres/clients.fixture.ts'
import { postgresDatabase } from '../databases/postgres/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { createService } from './index.ts'
import { crm, sales } from './service.fixture.ts'

const report = (): void => undefined

describe.for(clients)('over $name and PgBouncer in transaction mode', ({ open }) => {
  async function connect(context: TestContext, tables: string): Promise<{ client: OpenClient; database: Database }> {
    const { url } = await behindPgbouncer(context, (await emptyDatabase(context)).url)
    const client = open({ url, pooled: true })
    onTestFinished(() => client.end())
    const database = postgresDatabase(client.connections)
    await database.start()
    await database.migrate({ name: 'own', migrations: [tables] })
    return { client, database }
  }

  test('changes are told once, copied, and handled once', async (context) => {
    const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
    await broker.start()
    onTestFinished(() => broker.stop())
    const owner = await connect(
      context,
      'create table customers (id text primary key, email text not null, vip boolean)',
    )
    const reader = await connect(context, 'create table greeted (id text)')
    const crmTeam = createService({ contract: crm, broker, database: owner.database, report })
    crmTeam.owns(crm.customer, { table: 'customers' })
    const salesTeam = createService({ contract: sales, broker, database: reader.database, report })
    salesTeam.replicate(crm.customer, { columns: ['id', 'email', 'vip'] })
    salesTeam.on('greet', crm.customer.created, { from: 'beginning', concurrency: 4 }, ({ event, transaction }) =>
      transaction((tx) => tx.query('insert into greeted values ($1)', [event.data.id])),
    )
    for (const team of [crmTeam, salesTeam]) {
      onTestFinished(() => team.stop())
      await team.start()
    }
    const wanted = Array.from({ length: 60 }, (_, number) => `c${String(number).padStart(2, '0')}`)
    await Promise.all(
      wanted.map(async (id) => {
        const transaction = await owner.client.begin()
        await transaction.run(`insert into customers values ('${id}', '${id}@example.org', true)`)
        await crmTeam.join(transaction.handle, (tx) => tx.changed(crm.customer, id))
        await transaction.commit()
        await crmTeam.transaction(async (tx) => {
          await tx.query('update customers set vip = false where id = $1', [id])
          await tx.changed(crm.customer, id)
        })
      }),
    )
    await vi.waitFor(
      async () => {
        expect(await reader.database.query('select id, vip::boolean as vip from crm_customer order by id')).toEqual(
          wanted.map((id) => ({ id, vip: false })),
        )
        expect(await reader.database.query('select id from greeted order by id')).toEqual(wanted.map((id) => ({ id })))
      },
      { timeout: 20_000, interval: 100 },
    )
  })
})
