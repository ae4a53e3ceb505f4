import { expect, test } from 'vitest'
import {
  allEvents,
  caller,
  captureBench,
  dropSlots,
  expectLatest,
  inShort,
  listed,
  publish,
  type Bench,
} from './capture.fixture.ts'
import type { Capture, CaptureOptions } from './index.ts'

/** A capture of two rows that has listed them. */
async function running(bench: Bench, options: Partial<CaptureOptions> = {}): Promise<Capture> {
  await bench.owner.query("insert into customer values (1, 'Ann'), (2, 'Bob')")
  const capture = bench.capture(options)
  await capture.start()
  await listed(capture)
  return capture
}

/** Changes the rows so that the log alone would have to tell. */
async function change({ owner }: Bench): Promise<void> {
  await owner.query("update customer set name = 'Anna' where id = 1; delete from customer where id = 2")
  await owner.query("insert into customer values (3, 'Cid')")
}

const changed = { 1: { id: 1, name: 'Anna' }, 3: { id: 3, name: 'Cid' } }

async function expectListing(bench: Bench, reason: RegExp): Promise<void> {
  await expectLatest(bench.broker, changed)
  await expect.poll(() => bench.alarms.map(({ alarm }) => alarm), { timeout: 20_000 }).toContain('listing')
  const messages = bench.alarms.filter(({ alarm }) => alarm === 'listing').map(({ message }) => message)
  expect(messages).toEqual([expect.stringMatching(reason)])
}

test('a capture that was stopped goes on where it was', async (context) => {
  const bench = await captureBench(context)
  await (await running(bench)).stop()
  await change(bench)
  await bench.capture().start()
  await expectLatest(bench.broker, changed)
  expect(inShort(await allEvents(bench.broker))).toEqual([
    'created 1 {"id":1,"name":"Ann"}',
    'created 2 {"id":2,"name":"Bob"}',
    'updated 1 {"id":1,"name":"Anna"}',
    'deleted 2 {"id":2}',
    'created 3 {"id":3,"name":"Cid"}',
  ])
  expect(bench.alarms).toEqual([])
})

test('a slot that was dropped is noticed, and what was deleted meanwhile disappears', async (context) => {
  const bench = await captureBench(context)
  await (await running(bench)).stop()
  await dropSlots(bench.owner)
  await change(bench)
  await bench.capture().start()
  await expectListing(bench, /slot is gone/)
  expect(
    inShort(await allEvents(bench.broker))
      .slice(2)
      .toSorted(),
  ).toEqual(['deleted 2 {"id":2}', 'updated 1 {"id":1,"name":"Anna"}', 'updated 3 {"id":3,"name":"Cid"}'])
})

test('a slot that somebody created again is noticed', async (context) => {
  const bench = await captureBench(context)
  await (await running(bench)).stop()
  await dropSlots(bench.owner)
  await change(bench)
  await bench.owner.query(`select pg_create_logical_replication_slot('${bench.slot}', 'pgoutput')`)
  await bench.capture().start()
  await expectListing(bench, /created again/)
})

test('a slot that is dropped while it runs is noticed', async (context) => {
  const bench = await captureBench(context)
  const { owner, slot } = bench
  await running(bench)
  await change(bench)
  const end = `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${slot}' and active`
  const dropped = async (): Promise<boolean> => {
    await owner.query(end)
    return owner.query(`select pg_drop_replication_slot('${bench.slot}')`).then(
      () => true,
      () => false,
    )
  }
  await expect.poll(dropped, { timeout: 20_000, interval: 1 }).toBe(true)
  await expectListing(bench, /slot is gone/)
})

test('a table that was out of the publication for a while is listed again', async (context) => {
  const bench = await captureBench(context)
  const { owner, slot } = bench
  await running(bench)
  const client = await owner.connect()
  // Nobody sees it without the table.
  await client.query(`begin; alter publication ${slot} drop table customer`)
  await client.query(`alter publication ${slot} add table customer; commit`)
  client.release()
  await change(bench)
  await expectListing(bench, /publication/)
})

test('a table that was out of the publication while nothing was captured is listed again', async (context) => {
  const bench = await captureBench(context)
  const { owner, slot } = bench
  await (await running(bench)).stop()
  await owner.query(`alter publication ${slot} drop table customer`)
  await change(bench)
  await owner.query(`alter publication ${slot} add table customer`)
  await bench.capture().start()
  await expectListing(bench, /publication/)
})

test('a publication that was dropped and created again is noticed', async (context) => {
  const bench = await captureBench(context)
  const { owner, slot } = bench
  await running(bench)
  await owner.query(`drop publication ${slot}`)
  await change(bench)
  await publish(owner, slot)
  await expectListing(bench, /publication/)
})

test('a table that was dropped and created again is listed again', async (context) => {
  const bench = await captureBench(context)
  const { owner, role, slot } = bench
  await running(bench)
  await owner.query('drop table customer; create table customer (id integer primary key, name text)')
  await owner.query(`grant select on customer to ${role}; alter publication ${slot} add table customer`)
  await owner.query("insert into customer values (1, 'Anna'), (3, 'Cid')")
  await expectListing(bench, /dropped and created again/)
})

test('another key of the table begins other keys of events', async (context) => {
  const bench = await captureBench(context, {
    tables: 'create table customer (id integer primary key, name text not null unique)',
  })
  const { owner, broker } = bench
  await running(bench)
  await owner.query('alter table customer replica identity using index customer_name_key')
  await change(bench)
  // The property of the entity is a column that is not the key any more: somebody has to decide.
  await expect
    .poll(() => bench.alarms.map(({ message }) => message), { timeout: 20_000 })
    .toContainEqual(expect.stringMatching(/not its key/))
  await owner.query('alter table customer rename id to number')
  await expectLatest(broker, {
    Anna: { id: 'Anna', number: 1, name: 'Anna' },
    Cid: { id: 'Cid', number: 3, name: 'Cid' },
  })
})

test('a broker that begins again with nothing gets everything', async (context) => {
  const bench = await captureBench(context)
  await running(bench, { heartbeatMs: 3_600_000 })
  await bench.wipe()
  await change(bench)
  await expectListing(bench, /another life/)
})

test('a topic that was made again gets everything', async (context) => {
  const bench = await captureBench(context)
  await running(bench, { heartbeatMs: 3_600_000 })
  await bench.wipe()
  await bench.broker.putTopic(caller, { topic: 'crm.customer', kind: 'entity', owner: 'crm' })
  await change(bench)
  await expectListing(bench, /another life/)
})

test('a broker that begins again while nothing changes gets everything, too', async (context) => {
  const bench = await captureBench(context)
  await running(bench)
  await bench.wipe()
  await expectLatest(bench.broker, { 1: { id: 1, name: 'Ann' }, 2: { id: 2, name: 'Bob' } })
})

test('events of another publisher before are older, and those of rows that are not there end', async (context) => {
  const bench = await captureBench(context)
  const { broker } = bench
  await broker.putTopic(caller, { topic: 'crm.customer', kind: 'entity', owner: 'crm' })
  const event = (key: string, sourceepoch: number): object => ({
    event: {
      id: key,
      source: 'crm',
      type: 'crm.customer.created',
      key,
      sourceepoch,
      sequence: '5',
      data: new TextEncoder().encode(`{"id":${key}}`),
    },
  })
  // An epoch of a clock that was far ahead.
  await broker.publish(caller, { topic: 'crm.customer', events: [event('1', 0), event('8', 999_999_999)] as never })
  await running(bench)
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 2: { id: 2, name: 'Bob' } })
})
