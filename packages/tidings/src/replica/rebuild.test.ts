import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { everyDatabase, type DatabaseBench } from '../testing/databases.fixture.ts'
import { instead } from '../testing/instead.fixture.ts'
import { replicaBench, type ReplicaBench } from './replica.fixture.ts'
import { tablesOf } from './tables.ts'

const { customer } = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.string(), email: z.string(), status: z.string() }) }),
})
let opened: DatabaseBench
let database: Database
let bench: ReplicaBench

const state = (id: string, status: string) => ({ id, email: `${id}@example.com`, status })
const sorted = async (replica: Awaited<ReturnType<ReplicaBench['start']>>) =>
  (await replica.all()).sort((left, right) => (String(left['id']) < String(right['id']) ? -1 : 1))
const tables = async () => {
  const rows = await database.query<{ name: string }>(
    database.dialect.name === 'sqlite'
      ? `select name from sqlite_schema where type = 'table' and name like 'crm_%'`
      : `select tablename as name from pg_tables where tablename like 'crm_%'`,
  )
  return rows.map(({ name }) => name)
}
const subscriptions = async () => {
  const all = await bench.broker.subscriptions({ namespace: 'default', principal: 'operator' })
  return all.map(({ subscription }) => subscription)
}

/** The bench's broker, which lists nothing until it is let go. */
function heldListing() {
  let letGo = (): void => undefined
  const held = new Promise<void>((resolve) => (letGo = resolve))
  const broker = instead(bench.broker, {
    async latest(...call) {
      await held
      return await bench.broker.latest(...call)
    },
  })
  return { broker, letGo }
}

describe.each(everyDatabase)('in %s', (_, openDatabase) => {
  beforeEach(async (context) => {
    opened = await openDatabase(context)
    database = opened.database
    bench = await replicaBench(customer, opened)
  })
  afterEach(() => bench.stop())

  describe('a replica whose columns changed', () => {
    it('is rebuilt beside the old one, which readers keep, up to date, until the new one is complete', async () => {
      await bench.publish(state('c1', 'active'))
      await bench.start({ columns: ['email', 'status'] })
      await bench.environment.advance(10)
      await bench.stop()

      const { broker, letGo } = heldListing()
      const customers = await bench.start({ columns: ['status'] }, { broker })
      await bench.publish(state('c1', 'lost'), state('c2', 'active'))
      await bench.environment.advance(100)
      expect(customers.status().state).toBe('rebuilding')
      expect(await sorted(customers)).toEqual([
        { id: 'c1', status: 'lost' },
        { id: 'c2', status: 'active' },
      ])
      expect(await database.query(`select email from crm_customer where id = 'c2'`)).toEqual([
        { email: 'c2@example.com' },
      ])
      letGo()
      await bench.environment.advance(100)
      expect(customers.status().state).toBe('ready')
      expect(await customers.all()).toHaveLength(2)
      await expect(database.query('select email from crm_customer')).rejects.toThrow(
        /no such column|column "email" does not exist/,
      )
      expect(await tables()).toEqual(['crm_customer'])
      expect(await subscriptions()).toEqual(['marketing.replica.crm.customer.2'])
      await bench.publish(state('c3', 'active'))
      await bench.environment.advance(100)
      expect(await customers.get('c3')).toEqual({ id: 'c3', status: 'active' })
    })

    it('does not answer without the columns that it promises: those wait for the new one', async () => {
      await bench.publish(state('c1', 'active'))
      await bench.start({ columns: ['email'] })
      await bench.environment.advance(10)
      await bench.stop()
      const { broker, letGo } = heldListing()
      const customers = await bench.start({ columns: ['email', 'status'] }, { broker })
      await bench.environment.advance(10)
      await expect(customers.get('c1')).rejects.toMatchObject({ code: 'replica-not-ready' })
      expect(await database.query('select id, email from crm_customer')).toEqual([
        { id: 'c1', email: 'c1@example.com' },
      ])
      letGo()
      await bench.environment.advance(100)
      expect(await customers.get('c1')).toEqual(state('c1', 'active'))
    })

    it('goes on with the old one when the change is taken back before the new one is complete', async () => {
      await bench.publish(state('c1', 'active'))
      await bench.start({ columns: ['email', 'status'] })
      await bench.environment.advance(10)
      await bench.stop()
      const { broker, letGo } = heldListing()
      await bench.start({ columns: ['status'] }, { broker })
      await bench.environment.advance(10)
      const stopped = bench.stop()
      letGo()
      await stopped
      const customers = await bench.start({ columns: ['email', 'status'] })
      expect(await customers.get('c1')).toEqual(state('c1', 'active'))
      expect(await tables()).toEqual(['crm_customer'])
    })
  })

  describe('a replica that outlived what it copied', () => {
    it('is copied anew when the store of the broker was wiped and comes back: all of it, not a part', async () => {
      await bench.publish(state('c1', 'active'), state('c2', 'active'))
      const customers = await bench.start({ columns: ['status'] })
      await bench.environment.advance(10)
      await bench.wipe()
      await bench.publish(state('c2', 'lost'), state('c3', 'active'))
      await bench.environment.advance(10_000)
      expect(await sorted(customers)).toEqual([
        { id: 'c2', status: 'lost' },
        { id: 'c3', status: 'active' },
      ])
      expect(bench.notices.map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/is copied anew: (its subscription|topic)/),
      )
    })

    it('is copied anew when the topic begins anew, although somebody made its subscription again', async () => {
      await bench.publish(state('c1', 'active'))
      const [topic, subscription] = ['crm.customer', 'marketing.replica.crm.customer.1']
      const customers = await bench.start({ columns: ['status'] })
      await bench.environment.advance(10)
      await bench.wipe()
      await bench.broker.putSubscription(
        { namespace: 'default', principal: 'marketing' },
        { subscription, topic, from: 'end' },
      )
      await bench.publish(state('c2', 'active'))
      await bench.environment.advance(10_000)
      expect(await customers.all()).toEqual([{ id: 'c2', status: 'active' }])
    })

    it('is copied anew when its database was restored to an older state, and read meanwhile', async () => {
      await bench.publish(state('c1', 'active'))
      await bench.start({ columns: ['status'] })
      await bench.environment.advance(10)
      await bench.stop()
      const openBackup = await opened.backUp()
      await bench.start({ columns: ['status'] })
      await bench.publish(state('c1', 'lost'), state('c2', 'active'))
      await bench.environment.advance(10)
      await bench.stop()

      database = await openBackup()
      const { broker, letGo } = heldListing()
      const customers = await bench.start({ columns: ['status'] }, { broker, database })
      await bench.environment.advance(10)
      expect(await customers.all()).toEqual([{ id: 'c1', status: 'active' }])
      letGo()
      await bench.environment.advance(100)
      expect(await sorted(customers)).toEqual([
        { id: 'c1', status: 'lost' },
        { id: 'c2', status: 'active' },
      ])
      expect(bench.notices.map(({ message }) => message)).toContain(
        'Replica crm.customer is copied anew: the database was restored to an older state.',
      )
    })
  })

  describe('a replica whose subscription somebody seeks', () => {
    it.each(['skip', 'missing', 'run'] as const)(
      'applies what comes again, also with the effects "%s"',
      async (effects) => {
        const customers = await bench.start({ columns: ['status'] })
        await bench.environment.advance(10)
        await bench.publish(state('c1', 'active'))
        await bench.environment.advance(10)
        await database.transaction(async (transaction) => {
          await transaction.query(tablesOf(database.dialect).statements.makeWritable)
          await transaction.query('delete from crm_customer')
        })
        expect(await customers.all()).toEqual([])
        const operator = { namespace: 'default', principal: 'operator' }
        const [subscription] = (await subscriptions()) as [string]
        await bench.broker.seek(operator, { subscription, to: 'beginning', effects })
        await bench.environment.advance(100)
        expect(await customers.all()).toEqual([{ id: 'c1', status: 'active' }])
      },
    )
  })

  describe('two processes of a service on one database', () => {
    it('take over what the other has completed, also in the midst of a listing of their own', async () => {
      await bench.publish(state('c1', 'active'), state('c2', 'active'))
      const { broker, letGo } = heldListing()
      const late = await bench.start({ columns: ['status'] }, { broker, database: await opened.another() })
      const early = await bench.start({ columns: ['status'] })
      await bench.environment.advance(100)
      expect([early.status().state, late.status().state]).toEqual(['ready', 'filling'])
      letGo()
      await bench.environment.advance(5_000)
      expect(late.status().state).toBe('ready')
      await bench.publish(state('c1', 'lost'))
      await bench.environment.advance(1_000)
      expect(await late.get('c1')).toEqual({ id: 'c1', status: 'lost' })
    })

    it('share one replica, also when both fill it and both are about to switch', async () => {
      await bench.publish(state('c1', 'active'), state('c2', 'active'))
      const second = await opened.another()
      const { broker, letGo } = heldListing()
      const replicas = await Promise.all([
        bench.start({ columns: ['status'] }, { broker }),
        bench.start({ columns: ['status'] }, { broker, database: second }),
      ])
      await bench.environment.advance(100)
      await bench.publish(state('c1', 'lost'), 'c2', state('c3', 'active'))
      letGo()
      await bench.environment.advance(5_000)
      for (const replica of replicas) {
        expect(replica.status().state).toBe('ready')
        expect(await sorted(replica)).toEqual([
          { id: 'c1', status: 'lost' },
          { id: 'c3', status: 'active' },
        ])
      }
      expect(await tables()).toEqual(['crm_customer'])
      expect(await subscriptions()).toEqual(['marketing.replica.crm.customer.1'])
    })
  })
})
