import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import Libsql from 'libsql'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { createService, type Service } from '../service/index.ts'
import { serviceBench, type ServiceBench } from '../service/service.fixture.ts'
import { explainDrift, inspectReplica, ownerRoutes, remoteOwner, type Cause } from './index.ts'
import { ownerHandler } from '../verify/index.ts'

const operator = { namespace: 'default', principal: 'operator' }
const inEuros = defineContract('shop', {
  product: defineEntity({ key: 'id', schema: z.object({ id: z.string(), price: z.number() }) }),
})
const inCents = defineContract('shop', {
  product: defineEntity({
    key: 'id',
    schema: z.object({ id: z.string(), price: z.number() }),
    version: 2,
    upcasts: { 1: (data) => ({ ...(data as object), price: (data as { price: number }).price * 100 }) },
  }),
})

type Contract = typeof inEuros

let bench: ServiceBench
let own: Libsql.Database
let copies: Libsql.Database

beforeEach(async () => {
  bench = await serviceBench()
  own = new Libsql(':memory:')
  own.exec('create table products (id text primary key, price integer)')
  copies = new Libsql(':memory:')
})
afterEach(() => bench.stop())

const parts = (client: Libsql.Database) => {
  const { broker, environment, report } = bench
  return { broker, environment, report, database: sqliteDatabase({ client, allowVolatile: true, environment }) }
}

/** The owner with one of the two contracts. */
async function shop(contract: Contract): Promise<Service<'shop'>> {
  const service = bench.use(createService({ contract, ...parts(own) }))
  service.owns(contract.product, { table: 'products' })
  await service.start()
  return service
}

async function copyBy(contract: Contract): Promise<Database> {
  const reading = parts(copies)
  const service = bench.use(createService({ contract: defineContract('till', {}), ...reading }))
  service.replicate(contract.product, { columns: ['price'], table: 'copied' })
  await service.start()
  return reading.database
}

async function change(service: Service<'shop'>, id: string, price: number): Promise<void> {
  await service.transaction(async (tx) => {
    await tx.query('insert or replace into products (id, price) values (?, ?)', [id, price])
    await tx.changed(inEuros.product, id)
  })
}

async function explained(
  { owner, database, contract }: { owner: Service<'shop'>; database: Database; contract?: Contract },
  ...keys: readonly string[]
): Promise<readonly Cause[]> {
  const copy = await inspectReplica({ database, table: 'copied' })
  const secret = 'a secret of at least 32 characters'
  const { environment, broker } = bench
  const routes = ownerRoutes([owner.owner(inEuros.product)])
  const asked = remoteOwner({
    url: 'http://owner.example',
    secret,
    topic: inEuros.product.topic,
    fetch: ownerHandler({ secret, entities: [], routes, environment }),
    environment,
  })
  const entity = contract && { entity: contract.product }
  return explainDrift({ broker, caller: operator, owner: asked, copy, ...entity }, keys)
}

/** What was 5 euros is 500 cents; the row of `edited` is another one in the copy. */
async function raised(): Promise<{ readonly owner: Service<'shop'>; readonly database: Database }> {
  const before = await shop(inEuros)
  for (const id of ['a', 'edited', 'around']) await change(before, id, 5)
  await bench.environment.advance(20_000)
  const stopped = before.stop()
  await bench.environment.advance(12_000)
  await stopped
  own.exec('update products set price = price * 100')
  const owner = await shop(inCents)
  const database = await copyBy(inCents)
  await bench.environment.advance(20_000)
  copies.exec(`update tidings_replica_guard set writable = 1;
    update copied set price = 7 where id = 'edited';
    update tidings_replica_guard set writable = 0`)
  own.exec(`update products set price = 900 where id = 'around'`)
  return { owner, database }
}

describe('explainDrift() across versions of a schema', () => {
  it('compares what was told in an older version as the copy reads it', async () => {
    const { owner, database } = await raised()
    const causes = await explained({ owner, database, contract: inCents }, 'a', 'edited', 'around')
    expect(causes.map(({ kind }) => kind)).toEqual(['none', 'written-locally', 'never-published'])
  })

  it('says what it lacks where it is given no entity', async () => {
    const { owner, database } = await raised()
    const [edited] = await explained({ owner, database }, 'edited')
    expect(edited).toMatchObject({ kind: 'unknown', text: expect.stringMatching(/version 1 .* in 2: .* upcasts/) })
  })

  it('compares an owner that has not raised its version yet as the copy reads it', async () => {
    const owner = await shop(inEuros)
    await change(owner, 'a', 5)
    const database = await copyBy(inCents)
    await bench.environment.advance(20_000)
    const [cause] = await explained({ owner, database, contract: inCents }, 'a')
    expect(cause?.kind).toBe('none')
  })

  it('knows a copy whose contract is too old to read what is published', async () => {
    const owner = await shop(inCents)
    await change(owner, 'a', 500)
    const database = await copyBy(inEuros)
    await bench.environment.advance(20_000)
    for (const contract of [inEuros, undefined]) {
      const [cause] = await explained({ owner, database, ...(contract && { contract }) }, 'a')
      expect(cause).toMatchObject({ kind: 'unreadable', mend: { action: 'wait' } })
      expect(cause?.text).toMatch(/has version 2 here, and this contract reads version 1 alone/)
    }
  })
})
