import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { everyDatabase } from '../testing/databases.fixture.ts'
import { instead } from '../testing/instead.fixture.ts'
import type { AppliedChange } from './index.ts'
import { replicaBench, type ReplicaBench } from './replica.fixture.ts'

const { customer } = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.string(), email: z.string(), status: z.string() }) }),
})
const columns = ['email', 'status']
let database: Database
let bench: ReplicaBench
type Reader = Awaited<ReturnType<ReplicaBench['start']>>

const state = (id: string, status: string) => ({ id, email: `${id}@example.com`, status, secret: 'not copied' })
const row = (id: string, status: string) => ({ id, email: `${id}@example.com`, status })
const sorted = async (replica: Reader) =>
  (await replica.all()).sort((left, right) => (String(left['id']) < String(right['id']) ? -1 : 1))
const tableRows = () => database.query('select id, status from crm_customer order by id')

/** The bench's broker with a listing of small pages, each of which waits until the test lets it go. */
function pagedListing(limit: number) {
  const waiting: (() => void)[] = []
  const broker = instead(bench.broker, {
    async latest(caller, request) {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return await bench.broker.latest(caller, { ...request, limit })
    },
  })
  const next = async () => {
    waiting.splice(0).forEach((go) => go())
    await bench.environment.advance(1)
  }
  const all = async () => {
    while (waiting.length > 0) await next()
  }
  return { broker, next, all }
}

describe.each(everyDatabase)('in %s', (_, openDatabase) => {
  beforeEach(async (context) => {
    const opened = await openDatabase(context)
    database = opened.database
    bench = await replicaBench(customer, opened)
  })
  afterEach(() => bench.stop())

  describe('a replica in a table', () => {
    it('copies what is there and everything that changes, the chosen columns only', async () => {
      await bench.publish(state('c1', 'active'), state('c2', 'active'), state('c3', 'active'), 'c3')
      const customers = await bench.start({ columns })
      await bench.environment.advance(10)
      expect(await customers.get('c1')).toEqual(row('c1', 'active'))
      expect(await customers.get('c3')).toBeUndefined()
      await bench.publish(state('c1', 'lost'), 'c2', state('c4', 'active'))
      await bench.environment.advance(10)
      expect(await sorted(customers)).toEqual([row('c1', 'lost'), row('c4', 'active')])
      expect(await tableRows()).toEqual([
        { id: 'c1', status: 'lost' },
        { id: 'c4', status: 'active' },
      ])
      expect(customers.status()).toMatchObject({ state: 'ready' })
    })

    it('tells whoever asked what was committed, listed or told', async () => {
      const told: AppliedChange[] = []
      await bench.publish(state('c1', 'active'))
      await bench.start({ columns, onApplied: (changes) => told.push(...changes) })
      await bench.environment.advance(10)
      await bench.publishAs('c1', { time: '2026-01-31T12:00:00Z' })
      await bench.environment.advance(10)
      expect(told).toMatchObject([
        { key: 'c1', type: 'crm.customer.updated' },
        { key: 'c1', type: 'crm.customer.deleted', time: '2026-01-31T12:00:00Z' },
      ])
    })

    it('waits for a topic that does not exist yet', async () => {
      const { broker } = bench
      await broker.removeTopic({ namespace: 'default', principal: 'crm' }, 'crm.customer')
      const customers = await bench.start({ columns })
      await bench.environment.advance(3_000)
      await expect(customers.get('c1')).rejects.toMatchObject({ code: 'replica-not-ready', retryable: true })
      await broker.putTopic(
        { namespace: 'default', principal: 'crm' },
        { topic: 'crm.customer', kind: 'entity', owner: 'crm' },
      )
      await bench.publish(state('c1', 'active'))
      await bench.environment.advance(2_000)
      expect(await customers.get('c1')).toEqual(row('c1', 'active'))
    })

    it('never shows a state that never was: while the first copy is not complete, nobody can read it', async () => {
      await bench.publish(state('c1', 'v1'), state('c2', 'v1'), state('c3', 'v1'))
      const { broker, next, all } = pagedListing(1)
      const customers = await bench.start({ columns }, { broker })
      await bench.environment.advance(10)
      await next()
      await bench.publish(state('c2', 'v2'), 'c3', state('c1', 'v2'))
      await next()
      await expect(customers.get('c1')).rejects.toMatchObject({ code: 'replica-not-ready' })
      await expect(customers.all()).rejects.toMatchObject({ code: 'replica-not-ready' })
      await expect(tableRows()).rejects.toThrow(/no such table|does not exist/)
      await all()
      await bench.environment.advance(10)
      expect(await sorted(customers)).toEqual([row('c1', 'v2'), row('c2', 'v2')])
    })

    it('is complete only when the changes up to the end of the listing are applied, also with a large backlog', async () => {
      await bench.publish(...Array.from({ length: 50 }, (_, index) => state(`c${index}`, 'v1')))
      const held: (() => void)[] = []
      const broker = instead(bench.broker, {
        stream: (caller, request) =>
          bench.broker.stream(caller, {
            ...request,
            onDeliveries: (deliveries) => held.push(() => request.onDeliveries(deliveries)),
          }),
        async latest(caller, request) {
          const page = await bench.broker.latest(caller, { ...request, limit: 10 })
          await bench.publish(...Array.from({ length: 50 }, (_, index) => state(`c${index}`, 'v2')), 'c7')
          return page
        },
      })
      const customers = await bench.start({ columns }, { broker })
      await bench.environment.advance(1_000)
      await expect(customers.all()).rejects.toMatchObject({ code: 'replica-not-ready' })
      while (held.length > 0) {
        held.splice(0).forEach((deliver) => deliver())
        await bench.environment.advance(10)
      }
      const rows = await customers.all()
      expect(rows).toHaveLength(49)
      expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['v2']))
    })

    it('does not bring back a row that was deleted after its page of the listing was read', async () => {
      await bench.publish(state('c1', 'v1'), state('c2', 'v1'))
      let arrive = (): void => undefined
      const arrived = new Promise<void>((resolve) => (arrive = resolve))
      const broker = instead(bench.broker, {
        async latest(...call) {
          const page = await bench.broker.latest(...call)
          await arrived
          return page
        },
      })
      const customers = await bench.start({ columns }, { broker })
      await bench.environment.advance(100)
      await bench.publish('c1')
      await bench.environment.advance(1_000)
      await bench.publish('c2', state('c2', 'v2'))
      await bench.environment.advance(1_000)
      arrive()
      await bench.environment.advance(100)
      expect(await customers.all()).toEqual([row('c2', 'v2')])
    })

    it('goes on with an interrupted listing where it was', async () => {
      await bench.publish(state('c1', 'v1'), state('c2', 'v1'), state('c3', 'v1'))
      const first = pagedListing(1)
      await bench.start({ columns }, { broker: first.broker })
      await bench.environment.advance(10)
      await first.next()
      const cursors: unknown[] = []
      const stopped = bench.stop()
      await first.all()
      await stopped
      const broker = instead(bench.broker, {
        async latest(caller, request) {
          cursors.push(request.cursor)
          return await bench.broker.latest(caller, request)
        },
      })
      const customers = await bench.start({ columns }, { broker })
      await bench.environment.advance(10)
      expect(cursors).toEqual([expect.any(String)])
      expect(await customers.all()).toHaveLength(3)
    })

    it('is healed by a newer state of a key whose older one cannot be copied', async () => {
      const customers = await bench.start({ columns })
      await bench.environment.advance(10)
      const broken = {
        id: 'x',
        source: 'crm',
        type: 'crm.customer.updated',
        key: 'c1',
        data: new TextEncoder().encode('{'),
      }
      await bench.broker.publish(
        { namespace: 'default', principal: 'crm' },
        { topic: 'crm.customer', events: [{ event: broken }] },
      )
      await bench.environment.advance(10)
      expect(await customers.get('c1')).toBeUndefined()
      await bench.publish(state('c1', 'active'))
      await bench.environment.advance(10)
      expect(await customers.get('c1')).toEqual(row('c1', 'active'))
    })
  })

  describe('the table of a replica', () => {
    it('is read-only for everybody but the kit, also while the kit writes', async () => {
      await bench.publish(state('c1', 'active'))
      await bench.start({ columns })
      await bench.environment.advance(10)
      const writes = [
        `insert into crm_customer (id, email, status, tidings_version) values ('c2', 'x', 'x', '')`,
        `update crm_customer set status = 'lost'`,
        'delete from crm_customer',
      ]
      for (const write of writes) {
        await bench.publish(state('c1', 'active'))
        const refused = database.transaction((transaction) => transaction.query(write))
        await expect(refused).rejects.toThrow('this table is a replica')
      }
      await bench.environment.advance(10)
      expect(await tableRows()).toEqual([{ id: 'c1', status: 'active' }])
    })

    it('is never one that exists already: refused, and left as it is', async () => {
      const others = ['create table CRM_customer (id text)', `insert into CRM_customer values ('mine')`]
      await database.transaction(async (transaction) => {
        for (const statement of others) await transaction.query(statement)
      })
      await bench.publish(state('c1', 'active'))
      await expect(bench.start({ columns })).rejects.toMatchObject({
        code: 'replica-conflict',
        message: expect.stringMatching(
          /"crm_customer" exists and is no copy of crm\.customer.*give the replica another table, as in \{ table: 'crm_customer_copy' \}/i,
        ),
      })
      expect(await database.query('select * from crm_customer')).toEqual([{ id: 'mine' }])
      const customers = await bench.start({ columns, table: 'customers_of_crm' })
      await bench.environment.advance(10)
      expect(await customers.get('c1')).toEqual(row('c1', 'active'))
    })

    it('belongs to one replica', async () => {
      await bench.start({ columns })
      await bench.environment.advance(10)
      await expect(bench.start({ columns, name: 'second' })).rejects.toMatchObject({ code: 'replica-conflict' })
    })
  })

  describe('freshness', () => {
    it('alarms once when the copy is older than declared, goes on answering, and says when it is fresh again', async () => {
      let deliver = (): void => undefined
      let held = false
      const broker = instead(bench.broker, {
        stream: (caller, request) =>
          bench.broker.stream(caller, {
            ...request,
            onDeliveries(deliveries) {
              deliver = () => request.onDeliveries(deliveries)
              if (!held) deliver()
            },
          }),
      })
      await bench.publish(state('c1', 'active'))
      const customers = await bench.start({ columns, freshness: '1m' }, { broker })
      await bench.environment.advance(20_000)
      expect(customers.status().lagMs).toBeLessThan(20_000)
      held = true
      await bench.publish(state('c1', 'lost'))
      await bench.environment.advance(180_000)
      const alarms = () => bench.notices.filter(({ level }) => level === 'error').map(({ message }) => message)
      expect(alarms()).toEqual([expect.stringContaining('60000 ms were declared')])
      expect(await customers.get('c1')).toEqual(row('c1', 'active'))
      held = false
      deliver()
      await bench.environment.advance(20_000)
      expect(bench.notices.map(({ message }) => message)).toContain('Replica crm.customer is fresh again.')
      expect(alarms()).toHaveLength(1)
    })
  })
})
