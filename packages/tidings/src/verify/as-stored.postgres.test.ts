import { describe, expect, test, vi, type TestContext } from 'vitest'
import { z } from 'zod'
import { allowAll, createBroker } from '../broker/index.ts'
import { defineContract, defineEntity } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { createService, type OwnsOptions } from '../service/index.ts'
import { everyDatabase, onPostgres, type PostgresBench } from '../testing/databases.fixture.ts'
import { ownedEntity } from './owned.ts'
import { memorySide } from './rows-side.ts'
import type { Side } from './side.ts'

vi.setConfig({ testTimeout: 60_000 })

const text = z.string()
const contractOf = (schema: z.ZodObject) =>
  defineContract('crm', {
    thing: defineEntity({ key: 'id', schema: schema as unknown as z.ZodType<{ id: string }, { id: string }> }),
  })

interface Owning {
  readonly database: Database
  readonly schema: z.ZodObject
  readonly options?: Partial<OwnsOptions>
}

/** A running service that owns the table `thing`. */
async function owning(context: TestContext, { database, schema, options = {} }: Owning) {
  const crm = contractOf(schema)
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  const service = createService({ contract: crm, broker, database })
  service.owns(crm.thing, { table: 'thing', ...options })
  await service.start()
  context.onTestFinished(async () => {
    await service.stop()
    await broker.stop()
  })
  return { service, entity: crm.thing }
}

/** What a schema may allow for each type of PostgreSQL, and values of it as SQL has them. */
const columns: Readonly<Record<string, { readonly schema: z.ZodType; readonly values: readonly string[] }>> = {
  smallint: { schema: z.number(), values: ['0', '-7', '32767'] },
  bigint: { schema: z.any(), values: ['0', '9007199254740993', '-9223372036854775808'] },
  boolean: { schema: z.boolean(), values: ['true', 'false'] },
  real: { schema: z.number(), values: ["'-0'", '0.1', '1e-10', '3.4e38'] },
  'double precision': { schema: z.number(), values: ['1e300', '1e-7', '5e-324', '1.2345678901234567e21', "'NaN'"] },
  numeric: {
    schema: z.number(),
    values: ['0', '1.50', '-12345.678', '100', '0.0000001', '12345678901234567890', "'NaN'"],
  },
  'numeric(10,2)': { schema: text, values: ['0', '1.5'] },
  text: { schema: text, values: ["''", "'x'", `E'say "x"\\n\\\\'`, "'7'", "repeat('ä', 5000)"] },
  'char(5)': { schema: text, values: ["'ab'"] },
  uuid: { schema: text, values: ["'00112233-4455-6677-8899-aabbccddeeff'"] },
  timestamptz: { schema: text, values: ["'2026-03-01 10:00:00.123456+01'", "'infinity'", "'0044-03-15 12:00+00 BC'"] },
  timestamp: { schema: text, values: ["'2026-03-01 10:00:00.5'", "'12345-01-01 00:00'"] },
  date: { schema: text, values: ["'2026-03-01'", "'infinity'"] },
  interval: { schema: text, values: ["'1 year 2 mons -3 days 04:05:06.7'"] },
  inet: { schema: text, values: ["'10.0.0.1'", "'::1'"] },
  mood: { schema: z.enum(['fine', 'so so']), values: ["'fine'", "'so so'"] },
}

async function everyType({ pool }: PostgresBench): Promise<z.ZodObject> {
  const types = Object.keys(columns)
  const rows = Array.from({ length: 120 }, (_, id) => {
    const values = types.map((type) => {
      const some = [...columns[type]!.values, 'null']
      return `(${some[id % some.length]})::${type}`
    })
    return `('k${id}', ${values.join(', ')})`
  })
  const typed = types.map((type, place) => `c${place} ${type}`).join(', ')
  await pool.query(`create type mood as enum ('fine', 'so so');
    create table thing (id text primary key, ${typed}); insert into thing values ${rows.join(', ')}`)
  const shape = types.map((type, place) => {
    const { schema } = columns[type]!
    return [`c${place}`, place % 2 === 0 ? schema.optional() : schema.nullable()]
  })
  return z.object({
    id: text,
    ...(Object.fromEntries(shape) as Record<string, z.ZodType>),
    absent: text.optional(),
  })
}

/** The hashes by key. */
async function hashesOf(side: Side): Promise<ReadonlyMap<string, string>> {
  const { rows } = await side.hashes({}, 10_000)
  return new Map(rows.map(({ key, hash }) => [key, hash]))
}

test('rows that are published as they are stored have the same hashes in SQL as through their schema', async (context) => {
  const bench = await onPostgres(context)
  const schema = await everyType(bench)
  const { service, entity } = await owning(context, { database: bench.database, schema })
  const { state, payload } = service['~owned'](entity.topic).rows
  const rows = await bench.database.query('select * from thing')
  const states = rows.map((row) => state!(row))
  const published = await Promise.allSettled(rows.map((row) => payload(row)))
  const accepted = rows.filter((_, place) => published[place]!.status === 'fulfilled').map(({ id }) => String(id))
  expect(accepted.length).toBeGreaterThan(30)
  const all = ownedEntity({ service, entity }).columns
  for (const names of [...all.map((name) => [name]), all]) {
    const asked = vi.spyOn(bench.database, 'transaction')
    const [through, stored] = await Promise.all(
      [false, true].map(async (asStored) => hashesOf(await ownedEntity({ service, entity, asStored }).open(names))),
    )
    expect(asked).toHaveBeenCalled()
    const here = await hashesOf(memorySide({ key: 'id', columns: names, rows: () => states }))
    expect([names, stored]).toEqual([names, here])
    for (const key of accepted) expect([names, key, stored!.get(key)]).toEqual([names, key, through!.get(key)])
    asked.mockRestore()
  }
})

test('digests of what is stored leave the schema alone, but for a few rows', async (context) => {
  const { database, pool } = await onPostgres(context)
  await pool.query(`create table thing (id integer primary key, name text);
    insert into thing select n, 'name ' || n from generate_series(1, 5000) n`)
  let validated = 0
  const schema = z.object({ id: z.number(), name: text.refine(() => ++validated) })
  const { service, entity } = await owning(context, { database, schema })
  const [plain, stored] = await Promise.all(
    [false, true].map((asStored) => ownedEntity({ service, entity, asStored, limitMs: 60_000 }).open(['name'])),
  )
  const cut = { rows: 1_000, parts: 5 }
  const parts = await stored!.digests({}, cut)
  expect(validated).toBe(3)
  expect(parts).toEqual(await plain!.digests({}, cut))
  expect(validated).toBe(5_003)
})

describe.each(everyDatabase)('in %s', (_, openDatabase) => {
  test('an entity that is not published as it is stored is refused', async (context) => {
    const { database } = await openDatabase(context)
    await database.execute('create table thing (id text primary key, name text)')
    await database.execute(`insert into thing values ('a', 'x'), ('b', 'y'), ('c', ' z ')`)
    const trimming = await owning(context, { database, schema: z.object({ id: text, name: text.trim() }) })
    const side = await ownedEntity({ ...trimming, asStored: true }).open(['name'])
    const digests = await side.digests({}, { ends: ['b'] })
    expect(digests).toMatchObject([{ end: 'b', count: 2 }])
    await expect(side.digests({}, { ends: ['c'] })).rejects.toThrow('its schema changes name of c')
    const other = await openDatabase(context)
    await other.database.execute('create table thing (id text primary key, name text)')
    const made = await owning(context, {
      database: other.database,
      schema: z.object({ id: text, name: text }),
      options: { fromRow: ({ id, name }) => ({ id, name }) },
    })
    await expect(ownedEntity({ ...made, asStored: true }).open(['name'])).rejects.toMatchObject({ code: 'bad-request' })
  })

  test('an owner that takes too long for a range refuses it', async (context) => {
    const { database } = await openDatabase(context)
    await database.execute('create table thing (id text primary key, name text)')
    await database.execute(`insert into thing values ('a', 'x')`)
    const { service, entity } = await owning(context, { database, schema: z.object({ id: text, name: text }) })
    const side = await ownedEntity({ service, entity, limitMs: 0 }).open(['name'])
    await expect(side.digests({}, { ends: [undefined] })).rejects.toMatchObject({ code: 'range-too-large' })
    await expect(side.hashes({}, 10)).rejects.toMatchObject({ code: 'range-too-large' })
  })
})
