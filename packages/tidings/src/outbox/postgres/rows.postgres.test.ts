import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createBench, customers, ids, mailEvent, mails, type Bench, type ServiceProcess } from '../bench.fixture.ts'
import { restoredAlarms, settle } from '../restore.fixture.ts'
import { outboxMigrations } from './migrations.ts'

let bench: Bench
let service: ServiceProcess

beforeEach(async (test) => {
  bench = await createBench(test, { kind: 'postgres' })
  service = await bench.process()
})
afterEach(() => bench.stop())

const mail = (...names: string[]): Promise<void> => service.write({ mails: names.map((id) => ({ id, key: id[0]! })) })
const publishedMails = async (): Promise<string[]> => ids(await bench.published(mails))
const pending = async (): Promise<number> => (await service.outbox.stats()).pending

/** A transaction that has written a mail and stays open until `end`. */
async function holdOpen(id: string): Promise<{ end(): Promise<void> }> {
  let end = (): void => {}
  const held = new Promise<void>((resolve) => (end = resolve))
  let written = (): void => {}
  const writes = new Promise<void>((resolve) => (written = resolve))
  const transaction = service.database.transaction(async (transaction) => {
    const event = mailEvent({ id, key: id[0]! })
    await service.outbox.flush(transaction, { events: [{ topic: mails, kind: 'event', event }], changes: [] })
    // Written now, not with the commit.
    await transaction.query('select 1')
    written()
    await held
  })
  await writes
  return {
    async end() {
      end()
      await transaction
    },
  }
}

describe('a transaction that commits late', () => {
  test('is not skipped, is published once, and holds nobody up', async () => {
    const [first, second] = [await holdOpen('a1'), await holdOpen('b1')]
    await mail('c1')
    await service.relay()
    expect(await publishedMails()).toEqual(['c1'])
    await second.end()
    await mail('c2')
    await service.relay()
    expect(await publishedMails()).toEqual(['c1', 'b1', 'c2'])
    await first.end()
    await service.relay()
    await service.relay()
    expect(await publishedMails()).toEqual(['c1', 'b1', 'c2', 'a1'])
    expect(await pending()).toBe(0)
  })

  test('is published once although every answer was lost while it stayed open', async () => {
    const held = await holdOpen('a1')
    await mail('b1', 'c1')
    bench.faults.publish = async (caller, request) => {
      await bench.broker.publish(caller, request)
      throw new Error('the answer was lost')
    }
    await service.relay()
    await held.end()
    await mail('b2')
    await bench.environment.advance(10_000)
    await service.relay()
    delete bench.faults.publish
    const next = await bench.process()
    await next.relay()
    await next.relay()
    expect(await publishedMails()).toEqual(['b1', 'c1', 'a1', 'b2'])
    expect(await pending()).toBe(0)
  })

  test('of others, who write nothing here, holds nobody up', async () => {
    const other = await bench.store.connect()
    await other.run("begin; select pg_current_xact_id(); insert into customers values ('x', 'uncommitted')")
    await mail('a1')
    await service.relay()
    expect(await publishedMails()).toEqual(['a1'])
    await other.run('commit')
    await other.close()
  })

  test('counts as unsent until it is published, with its age', async () => {
    const held = await holdOpen('a1')
    await mail('b1')
    await service.relay()
    await bench.environment.advance(5_000)
    expect(await pending()).toBe(0)
    await held.end()
    expect(await service.outbox.stats()).toMatchObject({ pending: 1, oldestUnsentMs: 5_000 })
  })
})

describe('the space of what was sent', () => {
  const rows = async (): Promise<number[]> => {
    const counts = await service.database.query<{ one: number; two: number }>(
      'select (select count(*) from tidings.outbox_1) as one, (select count(*) from tidings.outbox_2) as two',
    )
    return [counts[0]!.one, counts[0]!.two]
  }
  const sweep = async (): Promise<void> => {
    await bench.environment.advance(10_000)
    await service.relay()
  }

  test('is given back as a whole, whatever is written meanwhile, and what is idle is empty', async () => {
    for (let round = 0; round < 4; round++) {
      await mail(`a${round}`)
      await service.relay()
      await mail(`b${round}`)
      await sweep()
      const [one, two] = await rows()
      expect(one! + two!).toBeLessThanOrEqual(4)
    }
    for (let round = 0; round < 3; round++) await sweep()
    expect(await rows()).toEqual([0, 0])
    expect(await publishedMails()).toHaveLength(8)
  })

  test('stays as long as something of its table is not sent', async () => {
    const held = await holdOpen('a1')
    await mail('b1')
    await service.relay()
    await sweep()
    await held.end()
    bench.faults.publish = () => Promise.reject(new Error('away'))
    await sweep()
    await sweep()
    delete bench.faults.publish
    await sweep()
    await service.relay()
    expect(await publishedMails()).toEqual(['b1', 'a1'])
  })

  test('waits for who reads it for long, such as a dump, and keeps nobody from writing', async () => {
    await mail('a1')
    await service.relay()
    const dump = await bench.store.connect()
    await dump.run('begin; lock table tidings.outbox_1, tidings.outbox_2 in access share mode')
    for (let round = 0; round < 3; round++) {
      await sweep()
      await mail(`b${round}`)
    }
    const [one, two] = await rows()
    expect(one! + two!).toBe(4)
    await dump.run('commit')
    await dump.close()
    await bench.environment.advance(1_000)
    await service.relay()
    expect(Math.min(...(await rows()))).toBe(0)
    for (let round = 0; round < 3; round++) await sweep()
    expect(await rows()).toEqual([0, 0])
    expect(await publishedMails()).toEqual(['a1', 'b0', 'b1', 'b2'])
  })

  test('is found by a transaction that began before its table was changed', async () => {
    let goOn = (): void => {}
    const held = new Promise<void>((resolve) => (goOn = resolve))
    let begun = (): void => {}
    const begins = new Promise<void>((resolve) => (begun = resolve))
    const old = service.database.transaction(async (transaction) => {
      await transaction.query('set transaction isolation level repeatable read')
      await transaction.query('select number from tidings.outbox_current')
      begun()
      await held
      const event = mailEvent({ id: 'old', key: 'o' })
      await service.outbox.flush(transaction, { events: [{ topic: mails, kind: 'event', event }], changes: [] })
    })
    await begins
    await mail('a1')
    await service.relay()
    for (let round = 0; round < 3; round++) await sweep()
    goOn()
    await old
    await sweep()
    await sweep()
    expect(await publishedMails()).toEqual(['a1', 'old'])
  })
})

test('a transaction that waited for the lock of a key writes in the epoch that is the present one by then', async () => {
  const lister = await bench.store.connect()
  await service.write({ customers: { a: 'Ann' } })
  await lister.run('begin; update tidings.key_version set sequence = sequence + 1')
  const writing = service.write({ customers: { a: 'Bea' } })
  const [other, waiting] = [await bench.store.connect(), "select from pg_stat_activity where wait_event_type = 'Lock'"]
  const waits = `do $$ begin while not exists (${waiting}) loop perform pg_stat_clear_snapshot(); end loop; end $$`
  await other.run(waits)
  await other.run('update tidings.outbox_source set sourceepoch = 99')
  await other.close()
  await lister.run('commit')
  await lister.close()
  await writing
  await service.relay()
  const versions = (await bench.published(customers)).map(({ event }) => [Number(event.sequence), event.sourceepoch])
  expect(versions).toEqual([
    [1, 0],
    [3, 99],
  ])
})

test('an outbox that was made before rounds were functions is sent on', async (context) => {
  const before = await createBench(context, { kind: 'postgres' })
  context.onTestFinished(() => before.stop())
  const { database, close } = await before.store.open({})
  await database.migrate({ ...outboxMigrations, migrations: outboxMigrations.migrations.slice(0, 1) })
  await database.execute("select tidings.publish($1, '{}', id => 'a1', source => 'crm')", [mails])
  await close()
  const upgraded = await before.process()
  await upgraded.write({ mails: [{ id: 'a2' }] })
  await upgraded.relay()
  expect(ids(await before.published(mails))).toEqual(['a1', 'a2'])
})

test('a database that was moved to another server sends what it has again, as one that was restored', async () => {
  await mail('a1')
  await service.relay()
  await service.write({ customers: { a: 'Ann' } })
  await service.kill()
  const admin = await bench.store.connect()
  await admin.run(
    "update tidings.outbox_source set cluster = 1; update tidings.outbox_progress set done = '9999999:9999999:'",
  )
  await admin.close()
  service = await bench.process({ onRestored: async () => void (await service.relist()) })
  await mail('a2')
  await settle(bench, service)
  const published = await publishedMails()
  expect([published.filter((id) => id === 'a2'), restoredAlarms(bench)]).toEqual([['a2'], 1])
  expect(await pending()).toBe(0)
})
