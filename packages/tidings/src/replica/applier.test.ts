import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { everyDatabase } from '../testing/databases.fixture.ts'
import { Applier } from './applier.ts'
import { insertBuild, loadBuilds, type Build } from './build.ts'
import { changeOf, Unreadable, type Change } from './change.ts'
import { decodeRow, encodeRow } from './row-form.ts'
import * as postgres from './postgres.ts'
import * as sqlite from './sqlite.ts'
import { tablesOf } from './tables.ts'

let database: Database

let builds = 0

async function newBuild(): Promise<Build> {
  const number = ++builds
  const table = `crm_customer__${number}`
  await insertBuild(database, {
    name: 'crm.customer',
    number,
    topic: 'crm.customer',
    columns: ['id', 'status'],
    finalTable: 'crm_customer',
    presentTable: table,
    subscription: `marketing.replica.crm.customer.${number}`,
  })
  const build = (await loadBuilds(database, 'crm.customer')).find((candidate) => candidate.number === number)
  if (!build) throw new Error('no build')
  return build
}

const change = (key: string, version: number, status?: string): Change => ({
  key,
  type: status === undefined ? 'crm.customer.deleted' : 'crm.customer.updated',
  number: version,
  version: `0000000000.${String(version).padStart(20, '0')}`,
  ...(status === undefined ? {} : { data: { id: key, status } }),
})

async function copyAfter(changes: readonly Change[], inOneGo: boolean): Promise<unknown> {
  const build = await newBuild()
  const applier = new Applier({ database, build, onApplied: () => undefined })
  if (inOneGo) await Promise.all(changes.map((each) => applier.apply(each)))
  else for (const each of changes) await applier.apply(each)
  const rows = await database.query(`select * from "${build.presentTable}" order by id`)
  return rows.map((row) => decodeRow(tablesOf(database.dialect), row, build.columns))
}

describe.each(everyDatabase)('an applier in %s', (_, openDatabase) => {
  beforeEach(async (context) => {
    ;({ database } = await openDatabase(context))
    await database.migrate(tablesOf(database.dialect).migrations)
  })

  it('sets aside what cannot be read, unless it has something newer of the key, in one transaction or several', async () => {
    const unread = (key: string, version: number) => new Unreadable('odd', { state: change(key, version) })
    const build = await newBuild()
    const applier = new Applier({ database, build, onApplied: () => undefined })
    await Promise.all([applier.apply(change('c1', 5, 'active')), applier.apply(change('c2', 5))])
    expect(await applier.setAside(unread('c1', 4))).toBe(false)
    expect(await applier.setAside(unread('c2', 4))).toBe(false)
    expect(applier.unread.size).toBe(0)
    expect(await Promise.all([unread('c1', 6), unread('c1', 7)].map((each) => applier.setAside(each)))).toEqual([
      true,
      true,
    ])
    expect(applier.unread.size).toBe(1)
    await applier.apply(change('c1', 6, 'lost'))
    expect(applier.unread.size).toBe(1)
    const both = [applier.setAside(unread('c3', 1)), applier.apply(change('c3', 2, 'active'))]
    expect(await Promise.all(both)).toEqual([false, undefined])
    await applier.apply(change('c1', 7, 'lost'))
    expect(applier.unread.size).toBe(0)
    await applier.unread.load()
    expect(applier.unread.size).toBe(0)
    expect(await applier.setAside(new Unreadable('no key', { state: undefined }))).toBe(true)
  })

  it('ends equal when the same delete and update arrive in the wrong order, twice', async () => {
    const created = change('c1', 1, 'active')
    const updated = change('c1', 2, 'lost')
    const deleted = change('c1', 3)
    for (const order of [
      [created, updated, deleted],
      [deleted, updated, created, deleted, updated],
      [created, deleted, updated, deleted, updated],
    ]) {
      expect(await copyAfter(order, false)).toEqual([])
    }
    const recreated = change('c1', 4, 'active')
    expect(await copyAfter([recreated, deleted, recreated, deleted, updated], false)).toEqual([
      { id: 'c1', status: 'active' },
    ])
  })

  it('ends equal in whatever order and however often changes arrive, one by one or many in one transaction', async () => {
    const history = ['a', 'b', 'c'].flatMap((key) => [1, 2, 3, 4].map((version) => change(key, version, `v${version}`)))
    history.push(change('b', 5), change('c', 5), change('c', 6, 'back'))
    const expected = await copyAfter(history, false)
    expect(expected).toEqual([
      { id: 'a', status: 'v4' },
      { id: 'c', status: 'back' },
    ])
    const arrivals = fc.shuffledSubarray([...history, ...history], { minLength: history.length * 2 })
    await fc.assert(
      fc.asyncProperty(arrivals, fc.boolean(), async (changes, inOneGo) => {
        expect(await copyAfter(changes, inOneGo)).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })

  it('lets one change that the database refuses hold up no other', async () => {
    const build = await newBuild()
    const applier = new Applier({ database, build, onApplied: () => undefined })
    const refused = { ...change('bad', 1), data: { id: null, status: 'no key' } }
    const outcomes = await Promise.allSettled(
      [change('a', 1, 'x'), refused, change('b', 1, 'y')].map((each) => applier.apply(each)),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await database.query(`select id from "${build.presentTable}" order by id`)).toEqual([
      { id: 'a' },
      { id: 'b' },
    ])
  })

  it('forgets tombstones that the floor has passed', async () => {
    const build = await newBuild()
    const applier = new Applier({ database, build, onApplied: () => undefined })
    await applier.apply(change('a', 1))
    await applier.apply(change('b', 2))
    applier.settledThrough = 1
    await applier.apply(change('c', 3, 'new'))
    const tombstones = database.dialect.name === 'sqlite' ? 'tidings_replica_tombstones' : 'tidings.replica_tombstones'
    expect(await database.query(`select number from ${tombstones}`)).toEqual([{ number: 2 }])
  })
})

describe('a row', () => {
  it.each([
    [sqlite, ['c1', '[1,"two",{"three":null}]', '{"nested":true}', 1]],
    [postgres, ['c1', '[1,"two",{"three":null}]', '{"nested":true}', 'true']],
  ])(
    'comes back as it was: lists, objects, booleans, null, what is absent, and text that a database would cut',
    (tables, stored) => {
      const columns = [
        'id',
        'list',
        'object',
        'yes',
        'no',
        'nothing',
        'absent',
        'number',
        'small',
        'cut',
        'half',
        'big',
        'deep',
        'huge',
      ]
      const data = {
        id: 'c1',
        list: [1, 'two', { three: null }],
        object: { nested: true },
        yes: true,
        no: false,
        nothing: null,
        number: 1.5,
        small: -0,
        cut: 'a\0b',
        half: 'a\ud800',
        big: -9223372036854775808n,
        deep: [{ inside: 9007199254740993n }],
        huge: 10n ** 30n,
      }
      const { values, encoded } = encodeRow(tables, { ...data, unknown: 'is not copied' }, columns)
      const row = Object.fromEntries(columns.map((column, index) => [column, values[index] ?? null]))
      expect(decodeRow(tables, { ...row, tidings_encoded: encoded }, columns)).toEqual(data)
      expect(values.slice(0, 4)).toEqual(stored)
    },
  )
})

describe('an integer beyond 2^53', () => {
  it.each([
    ['9223372036854775807', 9223372036854775807n],
    ['-9223372036854775808', -9223372036854775808n],
    ['9007199254740994', 9007199254740994n],
  ])('is an integer in SQLite, as a value and as a key: %s', (text, integer) => {
    expect(sqlite.encodeValue(integer)).toEqual([integer])
    expect(sqlite.keyValues(text)).toEqual([text, integer])
  })

  it('is JSON in SQLite where that has no such integer', () => {
    expect(sqlite.encodeValue(2n ** 63n)).toEqual(['9223372036854775808', 'json'])
    expect(sqlite.keyValues('9223372036854775808')).toEqual(['9223372036854775808', '9223372036854775808'])
  })

  it('is text in PostgreSQL', () => {
    expect(postgres.encodeValue(2n ** 63n)).toEqual(['9223372036854775808', 'number'])
    expect(postgres.decodeValue('9223372036854775808', 'number')).toBe(2n ** 63n)
  })
})

describe('changeOf()', () => {
  const { customer } = defineContract('crm', {
    customer: defineEntity({ key: 'id', schema: z.object({ id: z.string() }) }),
  })
  const event = { id: '1', source: 'crm', type: 'crm.customer.updated', key: 'c1', sequence: '7', sourceepoch: 2 }
  const at = (more: object, data?: string) => {
    const bytes = data === undefined ? {} : { data: new TextEncoder().encode(data) }
    return changeOf({ position: 'life.12', event: { ...event, ...bytes, ...more } }, customer)
  }

  it('orders versions by source epoch, then sequence, and takes the position where there is no sequence', () => {
    expect(at({}, '{"id":"c1"}')).toMatchObject({ key: 'c1', number: 12, version: '0000000002.00000000000000000007' })
    const { id, source, type, key } = event
    const data = new TextEncoder().encode('{"id":"c1"}')
    const change = changeOf({ position: 'life.12', event: { id, source, type, key, sourceepoch: 2, data } }, customer)
    expect(change.version).toBe('0000000002.00000000000000000012')
  })

  it('takes a tombstone whatever it carries', () => {
    expect(at({ type: 'crm.customer.deleted' })).not.toHaveProperty('data')
    expect(at({ type: 'crm.customer.deleted' }, '{"id":"c1"}')).not.toHaveProperty('data')
  })

  it('refuses for good what cannot be copied', () => {
    expect(() => at({}, 'not json')).toThrow('is not JSON')
    expect(() => at({}, '[1]')).toThrow('must be a JSON object')
    expect(() => at({}, '{"id":"c2"}')).toThrow('its property id must be its key, "c1"')
  })

  it('keeps integers that JavaScript would round', () => {
    expect(at({}, '{"id":"c1","total":9223372036854775807}')).toMatchObject({
      data: { total: 9223372036854775807n },
    })
    expect(at({ key: '9007199254740993' }, '{"id":9007199254740993}')).toMatchObject({ key: '9007199254740993' })
  })
})
