import type { Pool } from 'pg'
import { expect, test } from 'vitest'
import { postgresBench } from '../engines/postgres/postgres.fixture.ts'
import { TidingsError } from '../errors.ts'
import { mulberry32 } from '../testing/index.ts'
import { allowAll, createBroker, type Broker } from './index.ts'

const caller = { namespace: 'default', principal: 'tester' }
const topic = 'shop.order'
const subscription = 'mail.thanks'
const eventsOfEach = 200

/** Publishes, consumes and settles against a broker whose store comes and goes. */
class Work {
  /** What was delivered, each where it came first. */
  readonly seen: string[] = []
  /** The codes of the calls that were rejected. */
  readonly rejected: string[] = []
  readonly #broker: Broker

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** Calls until it is answered. */
  async #persist<Result>(call: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await call()
      } catch (error) {
        this.rejected.push(error instanceof TidingsError ? error.code : String(error))
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

  async publish(key: string): Promise<void> {
    for (let number = 1; number <= eventsOfEach; number++) {
      const event = { id: `${key}/${number}`, source: '/shop', type: topic, key }
      await this.#persist(() => this.#broker.publish(caller, { topic, events: [{ event }] }))
    }
  }

  /** Until everything is settled of so many events. */
  async consume(count: number): Promise<void> {
    for (;;) {
      const pull = { subscription, max: 20, waitMs: 500, leaseMs: 1_000 }
      const { deliveries } = await this.#persist(() => this.#broker.pull(caller, pull))
      for (const { event } of deliveries) if (!this.seen.includes(event.id)) this.seen.push(event.id)
      const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
      if (outcomes.length > 0) await this.#persist(() => this.#broker.settle(caller, { subscription, outcomes }))
      else if (this.seen.length === count) {
        const { pending } = await this.#persist(() => this.#broker.stats(caller, subscription))
        if (pending === 0) return
      }
    }
  }
}

/** Ends two connections whenever some more was delivered, until it is told to stop. */
async function disturb(pool: Pool, work: Work, stopped: { now: boolean }): Promise<void> {
  const random = mulberry32(5)
  while (!stopped.now) {
    const goal = work.seen.length + 10
    while (!stopped.now && work.seen.length < goal) await new Promise((resolve) => setTimeout(resolve, 10))
    await pool.query(
      `select pg_terminate_backend(pid) from (
         select pid from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() order by pid
       ) backends offset $1 limit 2`,
      [Math.floor(random() * 6)],
    )
  }
}

test(
  'a broker whose connections to PostgreSQL are ended at random delivers everything in order',
  { timeout: 120_000 },
  async (context) => {
    const { engine, pool } = await postgresBench(context)
    const broker = createBroker({ engine: await engine(), authorize: allowAll, retentionEveryMs: 50 })
    await broker.start()
    context.onTestFinished(() => broker.stop())
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', retention: { maxEvents: 10 } })
    await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
    const work = new Work(broker)
    const stopped = { now: false }
    const disturbing = disturb(pool, work, stopped)
    await Promise.all([work.publish('a'), work.publish('b'), work.consume(2 * eventsOfEach)])
    stopped.now = true
    await disturbing
    for (const key of ['a', 'b']) {
      const ids = work.seen.filter((id) => id.startsWith(key))
      expect(ids).toEqual(Array.from({ length: eventsOfEach }, (_, index) => `${key}/${index + 1}`))
    }
    expect(
      [...new Set(work.rejected)].filter((code) => !['unavailable', 'stopped', 'ownership-lost'].includes(code)),
    ).toEqual([])
    expect(work.rejected).toContain('unavailable')
  },
)
