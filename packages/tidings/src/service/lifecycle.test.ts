import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { lineTo } from '../testing/line.ts'
import { createService, type Service } from './index.ts'
import { crm, marketing, sales, serviceBench, type ServiceBench } from './service.fixture.ts'

const operator = { namespace: 'default', principal: 'operator' }
const asSales = { namespace: 'default', principal: 'sales' }
let bench: ServiceBench
let folder: string
let events = 0

beforeEach(async () => {
  bench = await serviceBench()
  folder = mkdtempSync(join(tmpdir(), 'tidings-service-'))
  await bench.broker.putTopic(asSales, { topic: 'sales.returned', kind: 'event', owner: 'sales' })
})
afterEach(async () => {
  await bench.stop()
  rmSync(folder, { recursive: true })
})

const file = (name: string) => join(folder, `${name}.db`)
/** The files as a backup would take them. */
function backUp(from: string, to: string): void {
  const client = new Libsql(file(from))
  client.pragma('wal_checkpoint(truncate)')
  client.close()
  copyFileSync(file(from), file(to))
}

async function publish(...orderIds: string[]): Promise<void> {
  for (const orderId of orderIds) {
    const data = new TextEncoder().encode(JSON.stringify({ orderId }))
    const event = { id: `e${++events}`, source: 'sales', type: 'sales.returned', key: orderId, data }
    await bench.broker.publish(asSales, { topic: 'sales.returned', events: [{ event }] })
  }
  await bench.environment.advance(10)
}

/** Marketing on a database file; every handler that is named writes the order into `emails`. */
async function startMarketing(
  name: string,
  from: 'beginning' | 'end',
  handlers = ['thank'],
): Promise<{ service: Service; emails(): Promise<unknown[]> }> {
  const database = sqliteDatabase({ client: new Libsql(file(name)), environment: bench.environment })
  const service = bench.use(createService({ contract: marketing, ...bench, database }))
  for (const handler of handlers) {
    service.on(handler, sales.returned, { from }, ({ event, transaction }) =>
      transaction((tx) => tx.query('insert into emails values (?)', [`${handler} ${event.data.orderId}`])),
    )
  }
  await database.start()
  await database.migrate({ name: 'marketing', migrations: ['create table emails (text text)'] })
  await service.start()
  await bench.environment.advance(10)
  const emails = async () => (await database.query('select text from emails order by text')).map(({ text }) => text)
  return { service, emails }
}

async function stop(service: Service): Promise<void> {
  const stopped = service.stop()
  await bench.environment.advance(2_000)
  await stopped
}

describe('start()', () => {
  it('refuses another database under a known name, until an operator says that it takes the place', async () => {
    const { service } = await startMarketing('first', 'end')
    await stop(service)
    await expect(startMarketing('second', 'end')).rejects.toMatchObject({
      code: 'service-conflict',
      message: expect.stringMatching(
        /service marketing is known with another database .*registering it with "replace"/,
      ),
    })
    const again = await startMarketing('first', 'end')
    await stop(again.service)
  })

  it('refuses a replica over a table of somebody else, and leaves nothing running', async () => {
    const database = bench.database()
    const service = createService({ contract: marketing, ...bench, database })
    service.replicate(crm.customer, { columns: ['email'], table: 'people' })
    await database.start()
    await database.migrate({ name: 'marketing', migrations: ['create table people (name text)'] })
    const started = service.start().catch((error: unknown) => error)
    await bench.environment.advance(5_000)
    expect(await started).toMatchObject({ code: 'replica-conflict' })
    await expect(service.transaction(() => undefined)).rejects.toMatchObject({ code: 'stopped' })
  })

  it('does not need the broker: what is committed meanwhile is published when it can be reached', async () => {
    const line = lineTo(bench.broker)
    line.cut()
    const database = bench.database()
    const service = bench.use(createService({ contract: marketing, ...bench, broker: line.broker, database }))
    await service.start()
    await service.transaction((tx) => tx.publish(marketing.emailSent, { orderId: 'o1' }))
    await bench.environment.advance(5_000)
    expect((await service.stats()).outbox).toMatchObject({ pending: 1 })
    line.mend()
    await bench.environment.advance(5_000)
    expect(await bench.payloads('marketing.email-sent')).toEqual([{ orderId: 'o1' }])
    expect(
      bench.notices.filter(({ message }) => message === 'Service marketing: The line to the broker is cut.'),
    ).toHaveLength(1)
  })

  it('may be called twice, and again after stop(); nothing can be added in between', async () => {
    const service = bench.use(createService({ contract: marketing, ...bench, database: bench.database() }))
    await Promise.all([service.start(), service.start()])
    expect(() => service.on('late', sales.returned, { from: 'end' }, () => undefined)).toThrow(
      'before the service marketing is started',
    )
    await stop(service)
    await stop(service)
    await service.start()
    await expect(service.transaction(() => 'works')).resolves.toBe('works')
  })

  it('refuses what cannot be told apart', () => {
    const service = createService({ contract: marketing, ...bench, database: bench.database() })
    const nothing = (): void => undefined
    service.on('thank', sales.returned, { from: 'end' }, nothing)
    expect(() => service.on('thank', sales.returned, { from: 'end' }, nothing)).toThrow('two handlers called thank')
    expect(() => service.on('Thank You', sales.returned, { from: 'end' }, nothing)).toThrow(
      expect.objectContaining({ code: 'name-invalid' }),
    )
    expect(() => service.on('replica.x', sales.returned, { from: 'end' }, nothing)).toThrow('are for replicas')
    expect(() => service.on('two', [sales.returned, sales.order.created], { from: 'end' }, nothing)).toThrow(
      'give each topic a handler',
    )
    service.replicate(crm.customer, { columns: ['email'] })
    expect(() => service.replicate(crm.customer, { columns: ['vip'] })).toThrow('two replicas called crm.customer')
    // @ts-expect-error -- a copy without some of the changes would be a state that never was
    const filtered = () => service.replicate(crm.customer, { columns: ['vip'], name: 'some', filter: {} })
    expect(filtered).toThrow('A replica of crm.customer takes no filter')
  })
})

describe("a consumer's database that was restored", () => {
  it.each(['beginning', 'end'] as const)('gets again what it lost, and nothing twice (from: %s)', async (from) => {
    await publish('past')
    const first = await startMarketing('live', from)
    await publish('o1', 'o2')
    await bench.environment.advance(130_000)
    await publish('o3')
    await stop(first.service)
    backUp('live', 'backup')
    const second = await startMarketing('live', from)
    await publish('o4', 'o5')
    await stop(second.service)
    const all = [
      ...(from === 'beginning' ? ['thank past'] : []),
      'thank o1',
      'thank o2',
      'thank o3',
      'thank o4',
      'thank o5',
    ]
    expect(await second.emails()).toEqual(all.toSorted())

    const restored = await startMarketing('backup', from)
    await bench.environment.advance(1_000)
    await publish('o6')
    expect(await restored.emails()).toEqual([...all, 'thank o6'].toSorted())
    expect(bench.notices.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('was restored to an older state'),
    )
    await stop(restored.service)

    const { generation } = await bench.broker.subscription(operator, 'marketing.thank')
    const again = await startMarketing('backup', from)
    await bench.environment.advance(1_000)
    expect(await again.emails()).toEqual([...all, 'thank o6'].toSorted())
    expect((await bench.broker.subscription(operator, 'marketing.thank')).generation).toBe(generation)
  })

  it('is noticed for each subscription, also for one that is added back later', async () => {
    const first = await startMarketing('live', 'beginning', ['thank', 'count'])
    await publish('o1')
    await stop(first.service)
    backUp('live', 'backup')
    const second = await startMarketing('live', 'beginning', ['thank', 'count'])
    await publish('o2')
    await stop(second.service)
    const without = await startMarketing('backup', 'beginning', ['thank'])
    await publish('o3', 'o4', 'o5', 'o6', 'o7')
    await stop(without.service)
    const both = await startMarketing('backup', 'beginning', ['thank', 'count'])
    await bench.environment.advance(1_000)
    const orders = ['o1', 'o2', 'o3', 'o4', 'o5', 'o6', 'o7']
    expect(await both.emails()).toEqual(['count', 'thank'].flatMap((name) => orders.map((order) => `${name} ${order}`)))
  })

  it('mails nobody of the past when it is older than the subscription, but says so', async () => {
    await publish('past')
    const before = await startMarketing('live', 'end', [])
    await stop(before.service)
    backUp('live', 'backup')
    const first = await startMarketing('live', 'end')
    await publish('o1')
    await stop(first.service)
    const restored = await startMarketing('backup', 'end')
    await publish('o2')
    await bench.environment.advance(1_000)
    expect(await restored.emails()).toEqual(['thank o2'])
    const errors = () => bench.notices.filter(({ level }) => level === 'error').map(({ message }) => message)
    expect(errors()).toEqual([expect.stringContaining('The database is older than marketing.thank')])
  })
})

describe("an owner's database that was restored", () => {
  it('is published again: copies follow the restored state, and nothing sticks to the lost one', async () => {
    const startCrm = async (name: string) => {
      const database = sqliteDatabase({ client: new Libsql(file(name)), environment: bench.environment })
      const service = bench.use(createService({ contract: crm, ...bench, database }))
      service.owns(crm.customer, { table: 'customers' })
      await database.start()
      await database.migrate({
        name: 'crm',
        migrations: ['create table customers (id text primary key, email text, vip integer)'],
      })
      await service.start()
      await bench.environment.advance(1_000)
      return service
    }
    const save = (service: Service<'crm'>, id: string, email: string) =>
      service.transaction(async (tx) => {
        await tx.query(
          'insert into customers (id, email) values (?, ?) on conflict do update set email = excluded.email',
          [id, email],
        )
        await tx.changed(crm.customer, id)
      })
    const marketingService = bench.use(createService({ contract: marketing, ...bench, database: bench.database() }))
    const customers = marketingService.replicate(crm.customer, { columns: ['email'] })

    const live = await startCrm('crm')
    await marketingService.start()
    await save(live, 'c1', 'old@example.com')
    await bench.environment.advance(1_000)
    await stop(live)
    backUp('crm', 'backup')
    const doomed = await startCrm('crm')
    await save(doomed, 'c1', 'lost@example.com')
    await save(doomed, 'c2', 'lost@example.com')
    await bench.environment.advance(1_000)
    expect(await customers.all()).toHaveLength(2)
    await stop(doomed)

    const restored = await startCrm('backup')
    await bench.environment.advance(10_000)
    expect(await customers.all()).toEqual([{ id: 'c1', email: 'old@example.com' }])
    await save(restored, 'c1', 'new@example.com')
    await bench.environment.advance(1_000)
    expect(await customers.get('c1')).toEqual({ id: 'c1', email: 'new@example.com' })
  })
})
