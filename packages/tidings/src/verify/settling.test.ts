import Libsql from 'libsql'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Broker } from '../broker/index.ts'
import { defineContract } from '../contract/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { TidingsError } from '../errors.ts'
import { createService, type Service } from '../service/index.ts'
import { crm, serviceBench, type ServiceBench } from '../service/service.fixture.ts'
import { compare, type CompareOptions, type Comparison } from './compare.ts'
import { openCopy } from './copy.ts'
import type { Difference } from './difference.ts'
import { OpenSides } from './verifiable.ts'
import { ownedEntity } from './owned.ts'
import { settlingByBroker } from './settling.ts'

let bench: ServiceBench
let owner: Service<'crm'>
let sales: Service<'sales'>
let copies: Libsql.Database

beforeEach(async () => {
  bench = await serviceBench()
  const { broker, environment, report } = bench
  const own = new Libsql(':memory:')
  own.exec('create table customers (id text primary key, email text, vip integer)')
  const ownDatabase = sqliteDatabase({ client: own, allowVolatile: true, environment })
  owner = bench.use(createService({ contract: crm, broker, database: ownDatabase, environment, report }))
  owner.owns(crm.customer, { table: 'customers' })
  copies = new Libsql(':memory:')
  const database = sqliteDatabase({ client: copies, allowVolatile: true, environment })
  const contract = defineContract('sales', {})
  sales = bench.use(createService({ contract, broker, database, environment, report }))
  sales.replicate(crm.customer, { columns: ['email'] })
  await owner.start()
  await sales.start()
  await change('a@example.com')
  await bench.environment.advance(10_000)
})
afterEach(() => bench.stop())

function change(email: string): Promise<unknown> {
  return owner.transaction(async (tx) => {
    await tx.query('insert into customers (id, email) values (?, ?) on conflict do update set email = excluded.email', [
      'c1',
      email,
    ])
    await tx.changed(crm.customer, 'c1')
  })
}

async function begin(options: Partial<CompareOptions> = {}): Promise<{
  readonly found: Difference[]
  readonly comparison: Promise<Comparison>
}> {
  const { database } = sales['~bench'].parts()
  const copy = await openCopy({ database, table: 'crm_customer' })
  const source = await new OpenSides([ownedEntity({ service: owner, entity: crm.customer })]).side(
    copy.topic,
    copy.columns,
  )
  const found: Difference[] = []
  const settling = settlingByBroker({
    broker: bench.broker,
    caller: { namespace: 'default', principal: 'sales' },
    subscription: copy.subscription,
    isPublished: async () => (await owner.stats()).outbox.pending === 0 && (await owner.stats()).outbox.held === 0,
  })
  const comparison = compare({
    source,
    copy,
    settling,
    patienceMs: 3_600_000,
    environment: bench.environment,
    onDifference: (each) => found.push(each),
    ...options,
  })
  return { found, comparison }
}

it('a row that a copy lost is a difference once its subscription has settled what there is', async () => {
  copies.exec(`update tidings_replica_guard set writable = 1; delete from crm_customer;
    update tidings_replica_guard set writable = 0`)
  const { found, comparison } = await begin()
  await bench.environment.advance(10_000)
  expect(await comparison).toMatchObject({ differences: 1 })
  expect(found).toMatchObject([{ key: 'c1', kind: 'missing-in-copy', confirmedBy: 'arrival' }])
})

it('a change that its copy has not taken yet is no difference, however long that lasts', async () => {
  await sales.stop()
  await change('b@example.com')
  await bench.environment.advance(5_000)
  await sales['~bench'].parts().database.start()
  const { found, comparison } = await begin()
  await bench.environment.advance(600_000)
  expect(found).toEqual([])
  await sales.start()
  await bench.environment.advance(3_600_000)
  expect([await comparison, found]).toMatchObject([{ differences: 0, changing: 0 }, []])
})

it('while the broker is out of reach, and of a topic that has begun anew, patience decides', async () => {
  copies.exec(`update tidings_replica_guard set writable = 1; delete from crm_customer;
    update tidings_replica_guard set writable = 0`)
  const stats = vi.spyOn(bench.broker, 'stats').mockRejectedValue(new TidingsError('unavailable', 'It is away.'))
  const first = await begin({ patienceMs: 5_000 })
  await bench.environment.advance(20_000)
  expect([await first.comparison, first.found]).toMatchObject([{ differences: 1 }, [{ confirmedBy: 'patience' }]])
  const present = { head: 'now.7', floor: 'before.9' }
  stats.mockResolvedValue(present as Awaited<ReturnType<Broker['stats']>>)
  const second = await begin({ patienceMs: 5_000 })
  await bench.environment.advance(20_000)
  expect([await second.comparison, second.found]).toMatchObject([{ differences: 1 }, [{ confirmedBy: 'patience' }]])
})
