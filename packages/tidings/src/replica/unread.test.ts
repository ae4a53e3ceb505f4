import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { everyDatabase, onSqlite } from '../testing/databases.fixture.ts'
import { replicaBench, type ReplicaBench } from './replica.fixture.ts'

const id = z.string()
const { customer: first } = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id, name: z.string() }) }),
})
const { customer: second } = defineContract('crm', {
  customer: defineEntity({
    key: 'id',
    version: 2,
    schema: z.object({ id, name: z.object({ given: z.string(), family: z.string() }) }),
    upcasts: {
      1: (data) => {
        const { name, ...rest } = data as { name: string }
        const [given, family] = name.split(' ')
        return { ...rest, name: { given, family } }
      },
    },
  }),
})
const operator = { namespace: 'default', principal: 'operator' }
const subscription = 'marketing.replica.crm.customer.1'
const options = { columns: ['name'] }
const old = (key: string, name: string) => ({ id: key, name })
const recent = (key: string, given: string, family: string) => ({ id: key, name: { given, family } })
const inVersion2 = { dataschema: 'tidings:crm.customer.updated/2' }

let database: Database
let bench: ReplicaBench
const alarms = () => bench.notices.filter(({ level }) => level === 'error').map(({ message }) => message)
const dead = async () => (await bench.broker.stats(operator, subscription)).dead

async function restart(entity: typeof first | typeof second, store: 'table' | 'memory' = 'table') {
  const stopped = bench.stop()
  await bench.environment.advance(1_000)
  await stopped
  const reader = await bench.start({ ...options, store }, { entity })
  await bench.environment.advance(1_000)
  return reader
}

describe.each(everyDatabase)('in %s', (_, openDatabase) => {
  beforeEach(async (context) => {
    const opened = await openDatabase(context)
    database = opened.database
    bench = await replicaBench(first, opened)
  })
  afterEach(() => bench.stop())

  describe('a copy in a table', () => {
    it('has states of older versions as the newest has them, listed and delivered', async () => {
      await bench.publish(old('c1', 'Ada Byron'))
      const customers = await restart(second)
      await bench.publishAs(old('c2', 'Mary King'), { dataschema: 'tidings:crm.customer.updated/1' })
      await bench.publishAs(recent('c3', 'Grace', 'Hopper'), inVersion2)
      await bench.environment.advance(100)
      expect(await customers.get('c1')).toEqual(recent('c1', 'Ada', 'Byron'))
      expect(await customers.get('c2')).toEqual(recent('c2', 'Mary', 'King'))
      expect(await customers.get('c3')).toEqual(recent('c3', 'Grace', 'Hopper'))
      expect(customers.status()).toMatchObject({ state: 'ready', unreadable: 0 })
    })

    it('sets a delivered state aside that it cannot read, alarms, goes on, and is healed by a redrive', async () => {
      const customers = await restart(first)
      await bench.publish(old('c1', 'Ada Byron'))
      await bench.publishAs(recent('c1', 'Ada', 'Lovelace'), inVersion2)
      await bench.publish(old('c2', 'Mary King'))
      await bench.environment.advance(1_000)
      expect(await customers.get('c1')).toEqual(old('c1', 'Ada Byron'))
      expect(await customers.get('c2')).toEqual(old('c2', 'Mary King'))
      expect(customers.status()).toMatchObject({ state: 'ready', unreadable: 1 })
      const { deadLetters } = await bench.broker.deadLetters(operator, { subscription })
      expect(deadLetters).toMatchObject([{ attempts: 1 }])
      const reason = 'unreadable: crm.customer.updated has version 2 here, and this contract reads version 1 alone'
      expect(deadLetters[0]?.reason).toContain(reason)
      expect(alarms()).toEqual([expect.stringContaining(reason)])

      const upgraded = await restart(second)
      expect(await upgraded.get('c1')).toEqual(recent('c1', 'Ada', 'Lovelace'))
      await bench.broker.redrive(operator, { subscription, positions: 'all' })
      await bench.environment.advance(1_000)
      expect(await dead()).toBe(0)
      expect(upgraded.status()).toMatchObject({ unreadable: 0 })
    })

    it('is healed by a newer state that it can read, and by the end of the entity', async () => {
      const customers = await restart(first)
      await bench.publishAs(recent('c1', 'Ada', 'Byron'), inVersion2)
      await bench.publishAs(recent('c2', 'Mary', 'King'), inVersion2)
      await bench.environment.advance(1_000)
      expect(customers.status()).toMatchObject({ unreadable: 2 })
      await bench.publish(old('c1', 'Ada Lovelace'))
      await bench.environment.advance(1_000)
      expect(await customers.get('c1')).toEqual(old('c1', 'Ada Lovelace'))
      expect(customers.status()).toMatchObject({ unreadable: 1 })
      await bench.publish('c2')
      await bench.environment.advance(1_000)
      expect(customers.status()).toMatchObject({ unreadable: 0 })
      expect(await dead()).toBe(0)
      expect((await restart(first)).status()).toMatchObject({ unreadable: 0 })
    })

    it('is complete in spite of a listed state that it cannot read, which is seen as a hole until it can', async () => {
      await bench.publish(old('c1', 'Ada Byron'), old('c2', 'Mary King'))
      await bench.publishAs(recent('c2', 'Mary', 'Somerville'), inVersion2)
      const customers = await restart(first)
      expect(customers.status()).toMatchObject({ state: 'ready', unreadable: 1 })
      expect(await customers.all()).toEqual([old('c1', 'Ada Byron')])
      expect(alarms()).toEqual([expect.stringContaining('crm.customer.updated has version 2 here')])
      // The next life knows of the hole, and lists again to see whether it can read it.
      expect((await restart(first)).status()).toMatchObject({ state: 'ready', unreadable: 1 })
      const upgraded = await restart(second)
      expect(await upgraded.get('c2')).toEqual(recent('c2', 'Mary', 'Somerville'))
      expect(upgraded.status()).toMatchObject({ state: 'ready', unreadable: 0 })
    })

    it('loses nothing by a state that it cannot read and that is older than its own', async () => {
      const customers = await restart(first)
      await bench.publishAs(recent('c1', 'Ada', 'Byron'), inVersion2)
      await bench.publishAs(recent('c2', 'Mary', 'King'), inVersion2)
      await bench.publish(old('c1', 'Ada Lovelace'), 'c2')
      await bench.environment.advance(1_000)
      await bench.broker.seek(operator, { subscription, to: 'beginning' })
      await bench.environment.advance(5_000)
      expect(await customers.get('c1')).toEqual(old('c1', 'Ada Lovelace'))
      expect(customers.status()).toMatchObject({ unreadable: 0 })
      const { events } = await bench.broker.read(operator, { topic: 'crm.customer' })
      const stats = await bench.broker.stats(operator, subscription)
      expect([stats.dead, stats.pending, events.length]).toEqual([0, 0, 4])
    })

    it('notices what another process of the service has read meanwhile', async () => {
      const customers = await restart(first)
      await bench.publishAs(recent('c1', 'Ada', 'Byron'), inVersion2)
      await bench.environment.advance(1_000)
      expect(customers.status()).toMatchObject({ unreadable: 1 })
      await bench.start(options, { entity: second })
      await bench.environment.advance(15_000)
      expect(await customers.get('c1')).toEqual(recent('c1', 'Ada', 'Byron'))
      expect(customers.status()).toMatchObject({ unreadable: 0 })
    })

    it('keeps nothing of what it could not read when it is replaced', async () => {
      await restart(first)
      await bench.publishAs(recent('c1', 'Ada', 'Byron'), inVersion2)
      await bench.environment.advance(1_000)
      const stopped = bench.stop()
      await bench.environment.advance(1_000)
      await stopped
      await bench.start({ columns: [] }, { entity: second })
      await bench.environment.advance(5_000)
      const table = database.dialect.name === 'sqlite' ? 'tidings_replica_unread' : 'tidings.replica_unread'
      expect(await database.query(`select * from ${table}`)).toEqual([])
    })
  })
})

describe('a copy in memory', () => {
  beforeEach(async (context) => {
    bench = await replicaBench(first, await onSqlite(context))
  })
  afterEach(async () => {
    const stopped = bench.stop()
    await bench.environment.advance(1_000)
    await stopped
  })

  it('upcasts, shows what it cannot read as a hole, and is healed', async () => {
    await bench.publish(old('c1', 'Ada Byron'), old('c2', 'Mary King'))
    await bench.publishAs(recent('c2', 'Mary', 'Somerville'), inVersion2)
    const customers = await restart(first, 'memory')
    expect(customers.status()).toMatchObject({ state: 'ready', unreadable: 1 })
    expect(await customers.all()).toEqual([old('c1', 'Ada Byron')])
    expect(alarms()).toEqual([expect.stringContaining('crm.customer.updated has version 2 here')])
    await bench.publish(old('c2', 'Mary King'))
    await bench.environment.advance(1_000)
    expect(customers.status()).toMatchObject({ unreadable: 0 })
    await bench.publishAs(recent('c2', 'Mary', 'Somerville'), inVersion2)
    const upgraded = await restart(second, 'memory')
    expect(await upgraded.get('c1')).toEqual(recent('c1', 'Ada', 'Byron'))
    expect(await upgraded.get('c2')).toEqual(recent('c2', 'Mary', 'Somerville'))
    expect(upgraded.status()).toMatchObject({ unreadable: 0 })
  })
})
