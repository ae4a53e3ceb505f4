import { afterEach, beforeEach, expect, it } from 'vitest'
import { allowAll, createBroker, type Broker } from '../broker/index.ts'
import type { Notice } from '../consumer/index.ts'
import { Hold } from '../consumer/hold.ts'
import type { Database } from '../database/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { Inbox, inboxMigrations } from '../inbox/index.ts'
import { onPostgres, type PostgresBench } from '../testing/databases.fixture.ts'
import { handleDelivery, type Handler, type HandlerParts } from './handler.ts'
import { HandlerReads } from './handler-reads.ts'
import { sales } from './service.fixture.ts'
import { collect } from './service-transaction.ts'
import { SubscribedHandler } from './subscribed-handler.ts'
import { Waiting } from './waiting.ts'

const caller = { namespace: 'default', principal: 'marketing' }
const owner = { namespace: 'default', principal: 'sales' }
const subscription = 'marketing.thank-buyer'
let bench: PostgresBench
let broker: Broker
let notices: Notice[]
let handlers: SubscribedHandler[]

beforeEach(async (context) => {
  bench = await onPostgres(context)
  const { database, environment, pool } = bench
  broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(owner, { topic: 'sales.returned', kind: 'event', owner: 'sales' })
  await database.migrate(inboxMigrations(database.dialect))
  await pool.query('create table email (order_id text not null, process text not null)')
  notices = []
  handlers = []
})
afterEach(async () => {
  const stopped = Promise.all(handlers.map((handler) => handler.stop()))
  await bench.environment.advance(12_000)
  await stopped
  await broker.stop()
})

/** Sends one email for each order that is returned, in a process of its own. */
async function partsOf(database: Database, process: string): Promise<HandlerParts> {
  const { environment } = bench
  const report = (notice: Notice): void => void notices.push(notice)
  const inbox = await Inbox.open({ database, environment, subscription, onTrouble: () => undefined })
  const handler: Handler = {
    name: 'thank-buyer',
    topic: 'sales.returned',
    types: new Map([['sales.returned', sales.returned]]),
    reads: new HandlerReads({ observe: 'never', chance: () => 1 }),
    run: async ({ event, transaction }) => {
      const { orderId } = event.data as { orderId: string }
      await transaction((tx) => tx.query('insert into email values ($1, $2)', [orderId, process]))
    },
  }
  const transact: HandlerParts['transact'] = (attributes, before, work) =>
    database.transaction(async (transaction) => {
      await before(transaction)
      const options = { service: 'marketing', environment, owned: new Map(), attributes }
      return (await collect(transaction, options, work)).result
    })
  return {
    broker,
    caller,
    database,
    environment,
    report,
    handler,
    inbox,
    transact,
    replicas: [],
    reached: () => undefined,
  }
}

async function start(database: Database, process: string): Promise<void> {
  const parts = await partsOf(database, process)
  const options = { from: 'beginning' } as const
  const started = new SubscribedHandler({ ...parts, options, waiting: new Waiting(parts), isThere: async () => false })
  handlers.push(started)
  await started.start()
}

async function publish(...orderIds: readonly string[]): Promise<void> {
  const events = orderIds.map((orderId) => {
    const data = new TextEncoder().encode(JSON.stringify({ orderId }))
    return { event: { id: orderId, source: 'sales', type: 'sales.returned', key: orderId, data } }
  })
  await broker.publish(owner, { topic: 'sales.returned', events })
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `order-${index}`)
const emails = async () =>
  (await bench.pool.query<{ order_id: string }>('select order_id from email order by order_id')).rows.map(
    (row) => row.order_id,
  )
const pending = async () => (await broker.stats(caller, subscription)).pending

it.each(['read committed', 'repeatable read', 'serializable'])(
  'two processes have one effect of each event while their connections are ended again and again, at %s',
  async (isolation) => {
    const settings = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
    for (const process of ['first', 'second']) await start(await bench.connect(settings), process)
    const orders = numbered(60)
    for (let from = 0; from < orders.length; from += 10) {
      await publish(...orders.slice(from, from + 10))
      const working = bench.environment.advance(500)
      await bench.pool.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
      )
      await working
    }
    for (let round = 0; round < 200 && (await pending()) > 0; round++) await bench.environment.advance(1_000)
    expect(await pending()).toBe(0)
    expect(await emails()).toEqual(orders.sort())
  },
)

it('goes back when its database is set back while it is in use, so that what was lost happens again', async () => {
  await start(bench.database, 'only')
  await publish('kept')
  await bench.environment.advance(1_000)
  await bench.pool.query(
    'create table backup as select * from email; create table inbox_backup as select * from tidings.inbox; create table marks_backup as select * from tidings.inbox_marks',
  )
  await publish('lost')
  await bench.environment.advance(1_000)
  await bench.pool.query(`
    delete from email; insert into email select * from backup;
    delete from tidings.inbox; insert into tidings.inbox select * from inbox_backup;
    delete from tidings.inbox_marks; insert into tidings.inbox_marks select * from marks_backup`)
  expect(await emails()).toEqual(['kept'])
  await publish('next')
  await bench.environment.advance(10_000)
  expect(await emails()).toEqual(['kept', 'lost', 'next'])
  expect(notices.map(({ message }) => message)).toContainEqual(expect.stringContaining('restored to an older state'))
})

/** Parts whose transactions have something happen elsewhere right before they write into the inbox. */
function interrupted(parts: HandlerParts, meanwhile: () => Promise<void>): HandlerParts {
  const transact: HandlerParts['transact'] = (attributes, before, work) =>
    parts.transact(
      attributes,
      (transaction) =>
        before({
          async query(text, values) {
            if (text.includes('insert into tidings.inbox ')) await meanwhile()
            return await transaction.query(text, values)
          },
          readRow: (...row) => transaction.readRow(...row),
        }),
      work,
    )
  return { ...parts, transact }
}

it.each(['read committed', 'repeatable read', 'serializable'])(
  'whoever sleeps in a transaction until another has settled the delivery and forgotten it has no effect, at %s',
  async (isolation) => {
    const settings = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
    await broker.putSubscription(caller, { subscription, topic: 'sales.returned', from: 'beginning' })
    await publish('order')
    const pull = async () => (await broker.pull(caller, { subscription, max: 1, leaseMs: 1_000 })).deliveries[0]!
    const slept = await pull()
    await bench.environment.advance(2_000)
    const other = await partsOf(bench.database, 'other')
    const meanwhile = async (): Promise<void> => {
      const delivery = await pull()
      const { outcome } = await handleDelivery(other, delivery, new Hold())
      await broker.settle(caller, { subscription, outcomes: [{ lease: delivery.lease, ...outcome }] })
      const { generation, floor } = await broker.subscription(caller, subscription)
      other.inbox.passed({ generation, floor })
      await bench.environment.advance(5_000)
      expect((await bench.pool.query('select * from tidings.inbox')).rows).toEqual([])
    }
    const parts = interrupted(await partsOf(await bench.connect(settings), 'sleeper'), meanwhile)
    const { outcome } = await handleDelivery(parts, slept, new Hold())
    expect(outcome).toEqual({ action: 'release' })
    expect((await bench.pool.query('select process from email')).rows).toEqual([{ process: 'other' }])
  },
)
