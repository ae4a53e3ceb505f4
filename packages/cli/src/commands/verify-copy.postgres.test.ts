import { postgresDatabase as emptyDatabase, openPool } from '@tidings/tools/postgres'
import { createService, defineContract, defineEntity } from 'tidings'
import { allowAll, createBroker } from 'tidings/broker'
import { postgresDatabase } from 'tidings/databases/postgres'
import { memoryEngine } from 'tidings/engines/memory'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { jsonLines } from '../command.fixture.ts'
import { runAtTerminal } from '../terminal.fixture.ts'

vi.setConfig({ testTimeout: 60_000 })

const crm = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.number(), name: z.string() }) }),
})

test('verify compares a copy in PostgreSQL with a table in another', async (context) => {
  const [own, others] = [(await emptyDatabase(context)).url, (await emptyDatabase(context)).url]
  const pools = [own, others].map((connectionString) => openPool({ connectionString }))
  await pools[0]!.query('create table customers (id bigint primary key, name text)')
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  const databases = pools.map((pool) => postgresDatabase({ pool }))
  const owner = createService({ contract: crm, broker, database: databases[0]! })
  owner.owns(crm.customer, { table: 'customers' })
  const sales = createService({ contract: defineContract('sales', {}), broker, database: databases[1]! })
  const customers = sales.replicate(crm.customer, { columns: ['name'] })
  for (const each of [broker, ...databases, owner, sales]) await each.start()
  context.onTestFinished(async () => {
    for (const each of [sales, owner, ...databases, broker]) await each.stop()
    for (const pool of pools) await pool.end()
  })
  await owner.transaction(async (tx) => {
    for (let id = 1; id <= 150; id++) {
      await tx.query('insert into customers values ($1, $2)', [id, `customer ${id}`])
      await tx.changed(crm.customer, id)
    }
  })
  await vi.waitFor(async () => expect((await customers.all()).length).toBe(150), { timeout: 50_000, interval: 50 })
  const words = ['--table', 'customers', '--copy', others, '--copy-table', 'crm_customer', '--patience', '0.2']
  const verify = (...more: string[]) => runAtTerminal(['verify', '--source', own, ...words, ...more], { variables: {} })
  expect(await verify('--rate', '100000')).toMatchObject({
    code: 0,
    stdout: 'equal: 150 rows in the source, 150 in the copy\n',
  })
  await pools[1]!.query(`begin; select set_config('tidings.replica_writable', 'on', true);
    update crm_customer set name = 'Eve' where id = '70'; commit`)
  const { code, stdout } = await verify('--json')
  expect([code, jsonLines(stdout)]).toMatchObject([
    4,
    [
      { key: '70', columns: [{ column: 'name', copy: '"Eve"' }] },
      { differences: 1, source: 150 },
    ],
  ])
})
