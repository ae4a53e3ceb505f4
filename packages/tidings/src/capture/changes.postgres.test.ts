import { expect, test } from 'vitest'
import {
  allEvents,
  captureBench,
  expectLatest,
  hooked,
  inShort,
  latestOf,
  listed,
  textOf,
  type Bench,
} from './capture.fixture.ts'

const long =
  'create table customer (id integer primary key, name text, long text); alter table customer alter long set storage external'

/** Captures, and waits until everything that is there is listed. */
async function captured(bench: Bench): Promise<void> {
  const capture = bench.capture()
  await capture.start()
  await listed(capture)
}

/** What is published after a change, in short, once it has come to `count` events. */
async function published({ broker }: Bench, before: number, count: number): Promise<string[]> {
  await expect.poll(async () => (await allEvents(broker)).length, { timeout: 20_000 }).toBe(before + count)
  return inShort((await allEvents(broker)).slice(before))
}

test('of several changes of a key in one transaction the last one is published', async (context) => {
  const bench = await captureBench(context)
  const { owner } = bench
  await owner.query("insert into customer values (1, 'Ann'), (2, 'Bob'), (3, 'Cid')")
  await captured(bench)
  await owner.query(`
    begin;
    update customer set name = 'Anna' where id = 1; update customer set name = 'Annette' where id = 1;
    delete from customer where id = 2; insert into customer values (2, 'Bea');
    update customer set name = 'Cindy' where id = 3; delete from customer where id = 3;
    insert into customer values (4, 'D'); update customer set name = 'Dan' where id = 4;
    insert into customer values (5, 'E'); delete from customer where id = 5;
    commit`)
  // A key that came and went was perhaps published in between, when the transaction was read in smaller pieces.
  expect(await published(bench, 3, 5)).toEqual([
    'updated 1 {"id":1,"name":"Annette"}',
    'updated 2 {"id":2,"name":"Bea"}',
    'deleted 3 {"id":3}',
    'created 4 {"id":4,"name":"Dan"}',
    'deleted 5 {"id":5}',
  ])
})

test('what was rolled back is not published', async (context) => {
  const bench = await captureBench(context)
  const { owner } = bench
  await captured(bench)
  await owner.query("begin; insert into customer values (1, 'Ann'); rollback")
  await owner.query(
    "begin; insert into customer values (2, 'Bob'); savepoint a; insert into customer values (3, 'C'); rollback to a; commit",
  )
  expect(await published(bench, 0, 1)).toEqual(['created 2 {"id":2,"name":"Bob"}'])
})

test('a changed key is the end of the old one and the beginning of the new one', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker } = bench
  await owner.query("insert into customer values (1, 'Ann'), (2, 'Bob')")
  await captured(bench)
  await owner.query('update customer set id = 7 where id = 1')
  expect(await published(bench, 2, 2)).toEqual(['deleted 1 {"id":1}', 'created 7 {"id":7,"name":"Ann"}'])
  // Around a circle, each key has a row again at the end.
  await owner.query(
    'begin; update customer set id = 0 where id = 7; update customer set id = 7 where id = 2; update customer set id = 2 where id = 0; commit',
  )
  await expectLatest(broker, { 2: { id: 2, name: 'Ann' }, 7: { id: 7, name: 'Bob' } })
})

test('an emptied table ends every entity, and what comes after it in the same transaction stays', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker } = bench
  await owner.query("insert into customer values (1, 'Ann'), (2, 'Bob')")
  await captured(bench)
  await owner.query("insert into customer values (3, 'Cid')")
  await owner.query(
    "begin; insert into customer values (4, 'Dan'); truncate customer; insert into customer values (1, 'Again'); commit",
  )
  await expectLatest(broker, { 1: { id: 1, name: 'Again' } })
  expect(
    inShort(await allEvents(broker))
      .slice(3)
      .toSorted(),
  ).toEqual(['created 1 {"id":1,"name":"Again"}', 'deleted 1 {"id":1}', 'deleted 2 {"id":2}', 'deleted 3 {"id":3}'])
})

test('a table that is emptied while it is listed does not come back', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker, capture } = bench
  await owner.query("insert into customer select id, 'n' from generate_series(1, 10) id")
  // The second chunk is read; before its note is written, the table is emptied.
  let notes = 0
  const pool = hooked(bench.pool, async (text) => {
    if (!/pg_logical_emit_message.* \d+'/.test(text) || ++notes !== 2) return
    await owner.query("truncate customer; insert into customer values (3, 'Again')")
  })
  const capturing = capture({ chunkRows: 2, pool })
  await capturing.start()
  await expectLatest(broker, { 3: { id: 3, name: 'Again' } })
  await listed(capturing)
  expect(notes).toBe(2)
  expect(await latestOf(broker)).toEqual({ 3: { id: 3, name: 'Again' } })
})

test('a long value that did not change is published with the row', async (context) => {
  const bench = await captureBench(context, { tables: long })
  const { owner, broker } = bench
  const [first, second] = ['x'.repeat(10_000), 'y'.repeat(10_000)]
  await owner.query(`insert into customer values (1, 'Ann', '${first}'), (2, 'Bob', '${second}')`)
  await captured(bench)
  await owner.query("update customer set name = 'Anna' where id = 1")
  await expectLatest(broker, { 1: { id: 1, name: 'Anna', long: first }, 2: { id: 2, name: 'Bob', long: second } })
  await owner.query(
    "begin; update customer set name = 'Bea' where id = 2; update customer set id = 3 where id = 2; commit",
  )
  await expectLatest(broker, { 1: { id: 1, name: 'Anna', long: first }, 3: { id: 3, name: 'Bea', long: second } })
})

test('a long value that the log has is not read from the table', async (context) => {
  const bench = await captureBench(context, { tables: long })
  const { owner } = bench
  let reads = 0
  const pool = hooked(bench.pool, async (text) => {
    if (/unnest\(\$1/.test(text)) reads += 1
  })
  const capture = bench.capture({ pool })
  await capture.start()
  await listed(capture)
  const value = 'x'.repeat(10_000)
  // Earlier in the same transaction.
  await owner.query(`begin; insert into customer values (1, 'A', '${value}'); update customer set name = 'Ann'; commit`)
  expect(await published(bench, 0, 1)).toEqual([`created 1 {"id":1,"name":"Ann","long":"${value}"}`])
  // In the row before.
  await owner.query('alter table customer replica identity full')
  await owner.query("update customer set name = 'Anna'")
  expect(await published(bench, 1, 1)).toEqual([`updated 1 {"id":1,"name":"Anna","long":"${value}"}`])
  expect(reads).toBe(0)
})

test('a row whose long value cannot be read any more, because it is gone, ends with its deletion', async (context) => {
  const bench = await captureBench(context, { tables: long })
  const { owner, broker, capture } = bench
  await owner.query(`insert into customer values (1, 'Ann', '${'x'.repeat(10_000)}')`)
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  await capturing.stop()
  await owner.query("update customer set name = 'Anna'")
  await owner.query('delete from customer')
  await capture().start()
  await expectLatest(broker, {})
  expect((await allEvents(broker)).slice(1).map(({ event }) => event.type)).toEqual(['crm.customer.deleted'])
})

test('a transaction that is larger than memory should hold comes in pieces, and ends like the table', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker } = bench
  await captured(bench)
  await owner.query(`
    begin;
    insert into customer select id, 'first' from generate_series(1, 12000) id;
    update customer set name = 'second' where id % 2 = 0;
    delete from customer where id % 3 = 0;
    update customer set id = -id where id % 5 = 0;
    do $$ begin
      for number in 20001 .. 32000 loop
        insert into customer values (number, 'first');
        update customer set name = 'second' where id = number;
      end loop;
    end $$;
    commit`)
  const { rows } = await owner.query<{ id: number; name: string }>('select * from customer')
  await expectLatest(broker, Object.fromEntries(rows.map((row) => [String(row.id), row])))
  const sequences = new Set((await allEvents(broker)).map(({ event }) => event.sequence!.slice(0, 16)))
  expect(sequences.size, 'they are one commit').toBe(1)
  const counts = new Map<string, number>()
  for (const { event } of await allEvents(broker)) counts.set(event.key!, (counts.get(event.key!) ?? 0) + 1)
  expect(Math.max(...counts.values()), 'a key in more than one piece').toBeGreaterThan(1)
})

test('changes of other tables are no events', async (context) => {
  const bench = await captureBench(context, {
    tables: 'create table customer (id integer primary key); create table other (id integer primary key)',
    published: false,
  })
  const { owner, slot } = bench
  await owner.query(`create publication ${slot} for all tables`)
  await captured(bench)
  await owner.query('insert into other values (1); truncate other; insert into customer values (2)')
  expect(await published(bench, 0, 1)).toEqual(['created 2 {"id":2}'])
})

test('a row of which the key is a unique index is published like any other', async (context) => {
  const bench = await captureBench(context, {
    tables:
      'create table customer (name text, id uuid not null unique); alter table customer replica identity using index customer_id_key',
  })
  const { owner, broker } = bench
  const id = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
  await owner.query(`insert into customer values ('Ann', '${id}')`)
  await captured(bench)
  await owner.query("update customer set name = 'Anna'")
  await expectLatest(broker, { [id]: { name: 'Anna', id } })
})

test('a row that the broker refuses is told, and neither its later states nor other rows wait for it', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker, alarms } = bench
  await captured(bench)
  // Larger than what a broker takes.
  await owner.query(`begin; insert into customer values (1, repeat('x', 200000)), (2, 'Bob'); commit`)
  await expectLatest(broker, { 2: { id: 2, name: 'Bob' } })
  expect(alarms).toMatchObject([{ alarm: 'refused', key: '1', code: 'payload-too-large' }])
  await owner.query("update customer set name = 'Ann' where id = 1")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 2: { id: 2, name: 'Bob' } })
  expect(textOf((await allEvents(broker)).at(-1)!.event.data)).toBe('{"id":1,"name":"Ann"}')
})

test('a newer state of a row that was refused in the same call is published after it', async (context) => {
  const bench = await captureBench(context)
  const { owner, slot, broker, faults } = bench
  await captured(bench)
  let calls = 0
  let goOn = (): void => undefined
  const held = new Promise<void>((resolve) => (goOn = resolve))
  faults.publish = async (...call) => {
    calls += 1
    await held
    return broker.publish(...call)
  }
  await owner.query("insert into customer values (9, 'Iris')")
  await expect.poll(() => calls, { timeout: 20_000 }).toBe(1)
  // These wait for the answer, and then go out together.
  await owner.query("insert into customer values (1, repeat('x', 200000))")
  await owner.query("update customer set name = 'Ann' where id = 1")
  const { rows } = await owner.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn')
  const sent = `select 1 from pg_stat_replication join pg_replication_slots on active_pid = pid
    where slot_name = '${slot}' and sent_lsn >= $1`
  await expect.poll(async () => (await owner.query(sent, [rows[0]!.lsn])).rowCount, { timeout: 20_000 }).toBe(1)
  goOn()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 9: { id: 9, name: 'Iris' } })
})

test('of many rows that are refused, ten are told and all are counted', async (context) => {
  const bench = await captureBench(context)
  const { owner, alarms } = bench
  const capturing = bench.capture()
  await capturing.start()
  await listed(capturing)
  await owner.query("insert into customer select id, repeat('x', 100000) from generate_series(1, 25) id")
  await expect.poll(async () => (await capturing.stats()).refused, { timeout: 20_000 }).toBe(25)
  expect(alarms.map(({ alarm }) => alarm)).toEqual(Array.from({ length: 10 }, () => 'refused'))
})
