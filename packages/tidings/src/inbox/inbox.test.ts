import { beforeEach, describe, expect, it } from 'vitest'
import type { Delivery } from '../broker/index.ts'
import type { Database } from '../database/index.ts'
import { everyDatabase } from '../testing/databases.fixture.ts'
import type { SimulatedEnvironment } from '../testing/index.ts'
import { Inbox, inboxMigrations } from './index.ts'

let environment: SimulatedEnvironment
let database: Database

const open = (subscription = 'mail.thank-buyer'): Promise<Inbox> =>
  Inbox.open({ database, environment, subscription, onTrouble: () => undefined })

const deliver = (number: number, more: Partial<Delivery> = {}): Delivery => ({
  lease: `lease-${number}`,
  position: `life.${number}`,
  appendedAt: 0,
  generation: 1,
  attempt: 1,
  event: { id: `e${number}`, source: 'sales', type: 'sales.order' },
  ...more,
})

async function apply(inbox: Inbox, delivery: Delivery): Promise<boolean> {
  const counter = await database.transaction((transaction) => inbox.insert(transaction, delivery))
  if (counter !== undefined) await inbox.confirm(counter)
  return counter !== undefined
}

async function rows(): Promise<number> {
  const table = database.dialect.name === 'sqlite' ? 'tidings_inbox' : 'tidings.inbox'
  const [row] = await database.query<{ count: number }>(`select count(*) as count from ${table}`)
  return row?.count ?? 0
}

describe.each(everyDatabase)('the inbox in %s', (_, openDatabase) => {
  beforeEach(async (context) => {
    ;({ database, environment } = await openDatabase(context))
    await database.migrate(inboxMigrations(database.dialect))
  })

  describe('insert()', () => {
    it('takes a delivery once for each subscription, source and id, and a replay that runs again once for each generation', async () => {
      const inbox = await open()
      expect(await inbox.has(deliver(1))).toBe(false)
      expect(await apply(inbox, deliver(1))).toBe(true)
      expect(await inbox.has(deliver(1))).toBe(true)
      expect(await apply(inbox, deliver(1, { lease: 'another', attempt: 2 }))).toBe(false)

      const fromCrm = deliver(1, { event: { id: 'e1', source: 'crm', type: 'sales.order' } })
      expect(await inbox.has(fromCrm)).toBe(false)
      expect(await apply(inbox, fromCrm)).toBe(true)
      expect(await apply(inbox, deliver(1, { generation: 2, replay: 'run' }))).toBe(true)
      expect(await apply(inbox, deliver(1, { generation: 2, replay: 'run' }))).toBe(false)
      expect(await apply(await open('mail.other'), deliver(1))).toBe(true)
      const [cut, whole] = ['e1\0', 'e1\0more'].map((id) => deliver(1, { event: { id, source: 's', type: 't' } }))
      expect(cut && (await apply(inbox, cut))).toBe(true)
      expect(whole && (await apply(inbox, whole))).toBe(true)
    })

    it('takes no delivery again that a seek brings back without a mark: it was applied, and its settle was lost', async () => {
      const inbox = await open()
      await apply(inbox, deliver(1))
      const afterSeek = deliver(1, { generation: 2 })
      expect(await inbox.has(afterSeek)).toBe(true)
      expect(await apply(inbox, afterSeek)).toBe(false)
      await apply(inbox, deliver(2, { generation: 2 }))
      // Whoever handled it since before the seek comes too late.
      expect(await apply(inbox, deliver(2))).toBe(false)
    })

    it('leaves nothing behind when its transaction rolls back', async () => {
      const inbox = await open()
      const failed = database.transaction(async (transaction) => {
        await inbox.insert(transaction, deliver(1))
        throw new Error('the handler failed')
      })
      await expect(failed).rejects.toThrow('the handler failed')
      expect(await inbox.has(deliver(1))).toBe(false)
      expect(inbox.counter).toBe(0)
    })
  })

  describe('has()', () => {
    it('counts any generation, and only its own for a replay that is to run again', async () => {
      const inbox = await open()
      await apply(inbox, deliver(1))
      expect(await inbox.has(deliver(1, { generation: 2, replay: 'missing' }))).toBe(true)
      expect(await inbox.has(deliver(2, { generation: 2, replay: 'missing' }))).toBe(false)
      expect(await inbox.has(deliver(1, { generation: 2, replay: 'run' }))).toBe(false)
    })

    it('counts what lies below the floor as applied when its row is gone', async () => {
      const inbox = await open()
      await apply(inbox, deliver(1))
      inbox.passed({ generation: 1, floor: 'life.1' })
      await environment.advance(5_000)
      expect(await rows()).toBe(0)
      expect(await inbox.has(deliver(1, { generation: 2, replay: 'missing' }))).toBe(true)
      expect(await inbox.has(deliver(2, { generation: 2, replay: 'missing' }))).toBe(false)
      const ofAnotherLife = deliver(1, { position: 'other.1', generation: 2, replay: 'missing' })
      expect(await inbox.has(ofAnotherLife)).toBe(false)
    })
  })

  describe('prune()', () => {
    it('removes the rows that the floor has passed and keeps the others', async () => {
      const inbox = await open()
      for (const number of [1, 2, 3]) await apply(inbox, deliver(number))
      await apply(await open('mail.other'), deliver(1))
      inbox.passed({ generation: 1, floor: 'life.2' })
      await environment.advance(5_000)
      expect(await rows()).toBe(2)
      expect(await inbox.has(deliver(3))).toBe(true)
    })

    it('remembers what it has forgotten: such a delivery may be an echo, one of a newer generation is not', async () => {
      const inbox = await open()
      await apply(inbox, deliver(1))
      inbox.passed({ generation: 2, floor: 'life.1' })
      await environment.advance(5_000)
      expect(await inbox.mayBeEcho(deliver(1))).toBe(true)
      expect(await inbox.mayBeEcho(deliver(1, { generation: 2 }))).toBe(true)
      expect(await inbox.mayBeEcho(deliver(2, { generation: 2 }))).toBe(false)
      expect(await inbox.mayBeEcho(deliver(1, { generation: 3 }))).toBe(false)
      expect(await inbox.mayBeEcho(deliver(1, { position: 'other.1', generation: 2 }))).toBe(false)
    })

    it('keeps what was written after the floor was told: it may be a redriven dead letter', async () => {
      const inbox = await open()
      inbox.passed({ generation: 1, floor: 'life.9' })
      await apply(inbox, deliver(4))
      await environment.advance(5_000)
      expect(await inbox.has(deliver(4))).toBe(true)
    })
  })

  describe('the counter', () => {
    it('covers what another process applied, once that is confirmed here', async () => {
      const [here, there] = [await open(), await open()]
      await apply(there, deliver(1))
      await here.confirm()
      expect(here.counter).toBeGreaterThanOrEqual(there.counter)
    })

    it('never goes back, neither with pruned rows nor with a restart', async () => {
      const inbox = await open()
      for (const number of [1, 2, 3]) await apply(inbox, deliver(number))
      inbox.passed({ generation: 1, floor: 'life.3' })
      await environment.advance(5_000)
      const before = inbox.counter
      expect(before).toBeGreaterThanOrEqual(3)
      expect((await open()).counter).toBe(before)
      await apply(inbox, deliver(4))
      expect(inbox.counter).toBeGreaterThan(before)
    })
  })
})
