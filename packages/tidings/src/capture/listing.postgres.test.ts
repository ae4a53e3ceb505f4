import { expect, test } from 'vitest'
import { TidingsError } from '../errors.ts'
import {
  allEvents,
  caller,
  captureBench,
  delivered,
  expectLatest,
  hooked,
  inShort,
  latestOf,
  listed,
  type Bench,
} from './capture.fixture.ts'

/** Runs `act` when the chunk of this number was read, before the note that lets it through. */
function afterChunk({ pool }: Bench, chunk: number, act: () => Promise<void>): ReturnType<typeof hooked> {
  let notes = 0
  return hooked(pool, async (text) => {
    if (/pg_logical_emit_message.* \d+'/.test(text) && ++notes === chunk) await act()
  })
}

const rows = "insert into customer select id, 'old' from generate_series(1, 6) id"

test('rows that change, go, come and move while they are listed end as they are in the table', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker, capture } = bench
  await owner.query(rows)
  const pool = afterChunk(bench, 2, async () => {
    // 3 and 4 were read just now, 1 and 2 before; 5 and 6 are read later.
    await owner.query("update customer set name = 'new' where id in (1, 3, 5)")
    await owner.query('delete from customer where id in (2, 4)')
    await owner.query('update customer set id = 0 where id = 6')
    await owner.query("insert into customer values (7, 'new')")
  })
  const capturing = capture({ chunkRows: 2, pool })
  await capturing.start()
  await listed(capturing)
  await expectLatest(broker, {
    0: { id: 0, name: 'old' },
    1: { id: 1, name: 'new' },
    3: { id: 3, name: 'new' },
    5: { id: 5, name: 'new' },
    7: { id: 7, name: 'new' },
  })
  // What was read too early was never handed to anybody after what replaced it.
  const handed = inShort(delivered(await allEvents(broker)))
  expect(handed.filter((line) => line.includes(' 3 '))).toEqual(['updated 3 {"id":3,"name":"new"}'])
  expect(handed.filter((line) => line.includes(' 4 '))).toEqual(['deleted 4 {"id":4}'])
  expect(handed.filter((line) => line.includes(' 1 '))).toEqual([
    'created 1 {"id":1,"name":"old"}',
    'updated 1 {"id":1,"name":"new"}',
  ])
})

test('changes that a chunk has seen are published before its rows, so that nobody sees them twice', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker, capture, faults } = bench
  await owner.query(rows)
  // A listing that waits for nothing would be at the broker before the changes are.
  faults.publish = async (...call) => {
    const isChange = call[1].events.some(({ event }) => new TextDecoder().decode(event.data).includes('second'))
    if (isChange) await new Promise((resolve) => setTimeout(resolve, 500))
    return broker.publish(...call)
  }
  let isChanged = false
  const pool = hooked(bench.pool, async (text) => {
    if (!/order by r\./.test(text) || isChanged) return
    isChanged = true
    await owner.query("update customer set name = 'second' where id = 1")
    await owner.query("update customer set name = 'third' where id = 1")
  })
  const capturing = capture({ pool })
  await capturing.start()
  await listed(capturing)
  const handed = inShort(delivered(await allEvents(broker)))
  expect(handed.filter((line) => line.includes(' 1 '))).toEqual([
    'updated 1 {"id":1,"name":"second"}',
    'updated 1 {"id":1,"name":"third"}',
  ])
})

test('a listing that is interrupted goes on with the chunk where it was', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker, capture, faults } = bench
  await owner.query(rows)
  let calls = 0
  faults.publish = async (...call) => {
    if (++calls > 2) throw new TidingsError('unavailable', 'the connection was lost')
    return broker.publish(...call)
  }
  const first = capture({ chunkRows: 2 })
  await first.start()
  await expect.poll(() => calls, { timeout: 20_000 }).toBeGreaterThan(2)
  await first.stop()
  delete faults.publish
  const second = capture({ chunkRows: 2 })
  await second.start()
  await listed(second)
  await expect.poll(async () => Object.keys(await latestOf(broker)).length).toBe(6)
  const created = (await allEvents(broker)).map(({ event }) => event.key!)
  expect(created.toSorted()).toEqual(['1', '2', '3', '4', '5', '6'])
})

test('a table of more than one chunk is listed by a key of two columns', async (context) => {
  const bench = await captureBench(context, {
    tables: 'create table customer (zone text, at timestamptz, bytes bytea, primary key (zone, at, bytes))',
  })
  const { owner, broker, capture } = bench
  await owner.query(`insert into customer select chr(97 + n % 3) || '"', '2026-03-01'::timestamptz + n * interval '1 microsecond',
    decode(lpad(to_hex(n), 4, '0'), 'hex') from generate_series(0, 99) n`)
  const capturing = capture({ chunkRows: 7 })
  await capturing.start()
  await listed(capturing)
  expect(Object.keys(await latestOf(broker))).toHaveLength(100)
  expect(await allEvents(broker)).toHaveLength(100)
})

test('relist() publishes all rows in newer versions, and the end of what only the broker has', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker, capture, alarms } = bench
  await owner.query("insert into customer values (1, 'Ann'), (2, 'Bob')")
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  const { events } = await broker.latest(caller, { topic: 'crm.customer' })
  const { sourceepoch, sequence } = events[0]!.event
  // As if it had been there from before.
  const stray = {
    id: 'x',
    source: 'crm',
    type: 'crm.customer.created',
    key: '9',
    sourceepoch: sourceepoch!,
    sequence: sequence!,
  }
  await broker.publish(caller, {
    topic: 'crm.customer',
    events: [{ event: { ...stray, data: new TextEncoder().encode('{"id":9}') } }],
  })
  await owner.query("alter table customer add column city text default 'Bern'")
  await capturing.relist()
  await listed(capturing)
  await expectLatest(broker, { 1: { id: 1, name: 'Ann', city: 'Bern' }, 2: { id: 2, name: 'Bob', city: 'Bern' } })
  expect(inShort((await allEvents(broker)).slice(3))).toEqual([
    'updated 1 {"id":1,"name":"Ann","city":"Bern"}',
    'updated 2 {"id":2,"name":"Bob","city":"Bern"}',
    'deleted 9 {"id":9}',
  ])
  expect(alarms).toMatchObject([{ alarm: 'listing', sourceepoch: sourceepoch! + 1 }])
  expect((await capturing.stats()).sourceepoch).toBe(sourceepoch! + 1)
})

test('a transaction that is open since before delays the listing, and no change of the log', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker, capture } = bench
  await owner.query("insert into customer values (1, 'Ann')")
  let reads = 0
  const pool = hooked(bench.pool, async () => void (reads += 1))
  const capturing = capture({ pool, heartbeatMs: 3_600_000 })
  await capturing.start()
  await listed(capturing)
  const client = await owner.connect()
  await client.query("begin; insert into customer values (2, 'Bob')")
  await capturing.relist()
  await owner.query("insert into customer values (3, 'Cid')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 3: { id: 3, name: 'Cid' } })
  const before = reads
  await expect.poll(() => reads - before, { timeout: 20_000 }).toBeGreaterThan(20)
  expect((await capturing.stats()).listing).toBe(true)
  await client.query('commit')
  client.release()
  await listed(capturing)
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 2: { id: 2, name: 'Bob' }, 3: { id: 3, name: 'Cid' } })
})
