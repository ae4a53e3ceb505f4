import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity, defineTask } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { createService, type Service } from './index.ts'
import { crm, marketing, sales, serviceBench, type ServiceBench } from './service.fixture.ts'

const shop = defineContract('shop', {
  product: defineEntity({
    key: 'sku',
    schema: z.object({
      sku: z.int(),
      name: z.string(),
      onSale: z.boolean(),
      tags: z.array(z.string()),
      note: z.string().optional(),
      discount: z.number().nullable(),
    }),
  }),
  restock: defineTask({ schema: z.object({ sku: z.int() }) }),
})
const table =
  'create table products (sku integer primary key, name text, "onSale" integer, tags text, note text, discount real, secret text)'
const insert = `insert into products values (?, ?, 1, '["new"]', null, null, 'do not tell')`
let bench: ServiceBench
let database: Database
let client: Libsql.Database
let service: Service<'shop'>

beforeEach(async () => {
  bench = await serviceBench()
  client = new Libsql(':memory:')
  database = sqliteDatabase({ client, allowVolatile: true, environment: bench.environment })
  service = bench.use(createService({ contract: shop, ...bench, database }))
  service.owns(shop.product, { table: 'products' })
  await service.start()
  await database.migrate({ name: 'shop', migrations: [table] })
  await bench.broker.putTopic(
    { namespace: 'default', principal: 'marketing' },
    { topic: 'marketing.send-letter', kind: 'task', owner: 'marketing' },
  )
})
afterEach(() => bench.stop())

const products = () => bench.payloads('shop.product')

describe('tx.changed()', () => {
  it('publishes the row as it is committed, in the types of the contract, and nothing that the contract does not name', async () => {
    await service.transaction(async (tx) => {
      await tx.changed(shop.product, 7)
      await tx.query(insert, [7, 'lamp'])
    })
    await service.transaction(async (tx) => {
      await tx.query(`update products set "onSale" = 0, note = 'last one', discount = 0.5 where sku = 7`)
      await tx.changed(shop.product, 7)
      await tx.changed(shop.product, 7)
    })
    await service.transaction(async (tx) => {
      await tx.query('delete from products')
      await tx.changed(shop.product, 7)
    })
    await bench.environment.advance(1_000)
    expect(await products()).toEqual([
      { sku: 7, name: 'lamp', onSale: true, tags: ['new'], discount: null },
      { sku: 7, name: 'lamp', onSale: false, tags: ['new'], note: 'last one', discount: 0.5 },
      { sku: 7 },
    ])
    const { events } = await bench.broker.read(
      { namespace: 'default', principal: 'operator' },
      { topic: 'shop.product' },
    )
    expect(events.map(({ event }) => [event.type, event.source, event.key, event.dataschema])).toEqual([
      ['shop.product.created', 'shop', '7', 'tidings:shop.product.created/1'],
      ['shop.product.updated', 'shop', '7', 'tidings:shop.product.updated/1'],
      ['shop.product.deleted', 'shop', '7', 'tidings:shop.product.deleted/1'],
    ])
  })

  it('publishes each of several entities that one transaction changed', async () => {
    await service.transaction(async (tx) => {
      for (const sku of [9, 7, 8]) {
        await tx.query(insert, [sku, `lamp ${sku}`])
        await tx.changed(shop.product, sku)
      }
    })
    await bench.environment.advance(1_000)
    expect(await products()).toEqual([7, 8, 9].map((sku) => expect.objectContaining({ sku, name: `lamp ${sku}` })))
  })

  it('refuses a row that breaks the schema, names the path and the rule, and nothing is committed', async () => {
    const refused = service.transaction(async (tx) => {
      await tx.query(`insert into products (sku, name, "onSale", tags) values (1, 'lamp', 1, '[1]')`)
      await tx.changed(shop.product, 1)
    })
    await expect(refused).rejects.toMatchObject({
      code: 'schema-violation',
      message: expect.stringContaining('shop.product.created: tags[0]: '),
    })
    expect(await database.query('select * from products')).toEqual([])
    await bench.environment.advance(1_000)
    expect(await products()).toEqual([])
  })

  it('takes the state from a function where the table looks different', async () => {
    const other = bench.use(createService({ contract: crm, ...bench, database: bench.database() }))
    other.owns(crm.customer, {
      table: 'people',
      keyColumn: 'person_id',
      fromRow: (row) => ({ id: String(row['person_id']), email: `${String(row['nick'])}@example.com` }),
    })
    await other.start()
    await other.transaction(async (tx) => {
      await tx.query('create table people (person_id integer primary key, nick text)')
      await tx.query(`insert into people values (3, 'ada')`)
      await tx.changed(crm.customer, '3')
    })
    await bench.environment.advance(1_000)
    expect(await bench.payloads('crm.customer')).toEqual([{ id: '3', email: 'ada@example.com' }])
  })
})

describe('tx.publish()', () => {
  it('sends tasks to others, and refuses what belongs to them, there and then', async () => {
    await service.transaction(async (tx) => {
      await tx.publish(marketing.sendLetter, { to: 'ada' })
      // @ts-expect-error a service publishes its own events only
      await expect(tx.publish(marketing.emailSent, { orderId: 'o1' })).rejects.toMatchObject({ code: 'forbidden' })
      // @ts-expect-error entities are published by changed()
      await expect(tx.publish(shop.product.created, {})).rejects.toMatchObject({ code: 'bad-request' })
    })
    await bench.environment.advance(1_000)
    expect(await bench.payloads('marketing.send-letter')).toEqual([{ to: 'ada' }])
  })

  it('refuses a value that breaks the schema at once, so that the transaction rolls back', async () => {
    const refused = service.transaction(async (tx) => {
      await tx.query(insert, [1, 'lamp'])
      await tx.publish(shop.restock, JSON.parse('{"sku":"1"}'))
    })
    await expect(refused).rejects.toMatchObject({
      code: 'schema-violation',
      message: expect.stringContaining('shop.restock: sku: '),
    })
    expect(await database.query('select * from products')).toEqual([])
  })

  it('is part of the commit also when nobody awaited it', async () => {
    await service.transaction((tx) => void tx.publish(shop.restock, { sku: 1 }))
    const refused = service.transaction((tx) => {
      tx.publish(shop.restock, JSON.parse('{}')).catch(() => undefined)
    })
    await expect(refused).rejects.toMatchObject({ code: 'schema-violation' })
    await bench.environment.advance(1_000)
    expect(await bench.payloads('shop.restock')).toEqual([{ sku: 1 }])
  })

  it('publishes nothing of a transaction that rolls back, and is refused after its end', async () => {
    let kept: Parameters<Parameters<typeof service.transaction>[0]>[0] | undefined
    const failed = service.transaction(async (tx) => {
      kept = tx
      await tx.publish(shop.restock, { sku: 1 })
      throw new Error('changed my mind')
    })
    await expect(failed).rejects.toThrow('changed my mind')
    await expect(kept?.publish(shop.restock, { sku: 2 })).rejects.toMatchObject({ code: 'transaction-misuse' })
    await bench.environment.advance(1_000)
    expect(await bench.payloads('shop.restock')).toEqual([])
  })
})

describe('join()', () => {
  it('publishes with a transaction that somebody else began and commits', async () => {
    client.exec('begin')
    await service.join(client, async (tx) => {
      await tx.query(insert, [1, 'lamp'])
      await tx.changed(shop.product, 1)
    })
    client.exec('commit')
    client.exec('begin')
    await service.join(client, (tx) => tx.publish(shop.restock, { sku: 1 }))
    client.exec('rollback')
    await bench.environment.advance(1_000)
    expect(await products()).toHaveLength(1)
    expect(await bench.payloads('shop.restock')).toEqual([])
  })
})

describe('a service', () => {
  it('owns its own entities only, and says so when it does not know where one lives', async () => {
    const other = createService({ contract: sales, ...bench, database: bench.database() })
    // @ts-expect-error the entity belongs to another service
    expect(() => other.owns(crm.customer, { table: 'customers' })).toThrow(
      expect.objectContaining({ code: 'bad-request' }),
    )
    bench.use(other)
    await other.start()
    const lost = other.transaction((tx) => tx.changed(sales.order, 'o1'))
    await expect(lost).rejects.toMatchObject({ code: 'bad-request', message: expect.stringContaining('service.owns') })
  })

  it('carries types from the contract to every call', () => {
    const typed = () =>
      service.transaction(async (tx) => {
        // @ts-expect-error the key of a product is a number
        await tx.changed(shop.product, '7')
        // @ts-expect-error a task to restock has no name
        await tx.publish(shop.restock, { name: 'lamp' })
        return { rows: await tx.query<{ sku: number }>('select sku from products') }
      })
    expectTypeOf(typed).returns.resolves.toEqualTypeOf<{ rows: { sku: number }[] }>()
    const other = createService({ contract: marketing, ...bench, database: bench.database() })
    const copies = other.replicate(shop.product, { columns: ['name', 'discount'] })
    type Row = { readonly sku: number; readonly name: string; readonly discount: number | null }
    expectTypeOf(copies.get).parameters.toEqualTypeOf<[number]>()
    expectTypeOf(copies.get).returns.resolves.toEqualTypeOf<Row | undefined>()
    // @ts-expect-error a product has no colour
    other.replicate(shop.product, { columns: ['colour'], name: 'second' })
  })
})
