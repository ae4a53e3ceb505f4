import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allEvents, benchOn, expectLatest, hooked, inShort, listed, type Bench } from './capture.fixture.ts'
import { ownCluster } from './cluster.fixture.ts'

test('a database that was restored from a copy of its files: copies follow what was restored', async (context) => {
  const cluster = await ownCluster(context)
  const bench = await benchOn(context, cluster.url)
  const { owner, broker, alarms, capture } = bench
  await owner.query("insert into customer values (1, 'Ann'), (2, 'Bob')")
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  await cluster.stop()
  const restore = await cluster.backup()
  await cluster.run()
  await owner.query("update customer set name = 'lost' where id = 1; insert into customer values (3, 'lost')")
  await expectLatest(broker, { 1: { id: 1, name: 'lost' }, 2: { id: 2, name: 'Bob' }, 3: { id: 3, name: 'lost' } })
  await capturing.stop()
  await cluster.stop()
  await restore()
  await cluster.run()
  // By the place in the log alone nobody could tell any more.
  await owner.query('create table noise (text text)')
  await owner.query('insert into noise select md5(n::text) from generate_series(1, 20000) n')
  await capturing.start()
  await owner.query("update customer set name = 'Bea' where id = 2")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 2: { id: 2, name: 'Bea' } })
  expect(alarms).toContainEqual(
    expect.objectContaining({ alarm: 'listing', message: expect.stringMatching(/restored/) }),
  )
  // What came from the lost time does not stick to what comes after.
  await owner.query("insert into customer values (3, 'Cid')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 2: { id: 2, name: 'Bea' }, 3: { id: 3, name: 'Cid' } })
})

test('log that the server removed before it was read is noticed', async (context) => {
  const cluster = await ownCluster(context, 'max_slot_wal_keep_size=1MB', 'max_wal_size=32MB')
  const { owner, slot, broker, alarms, capture } = await benchOn(context, cluster.url)
  await owner.query("insert into customer values (1, 'Ann'), (2, 'Bob')")
  const first = capture()
  await first.start()
  await listed(first)
  await first.stop()
  await owner.query('delete from customer where id = 2')
  const status = async (): Promise<unknown> => {
    await owner.query(
      'create table if not exists noise (text text); insert into noise select repeat(md5(n::text), 1000) from generate_series(1, 3000) n',
    )
    await owner.query('select pg_switch_wal(); checkpoint')
    const { rows } = await owner.query<{ status: string }>(
      `select wal_status as status from pg_replication_slots where slot_name = '${slot}'`,
    )
    return rows[0]!.status
  }
  await expect.poll(status, { timeout: 25_000 }).toBe('lost')
  await capture().start()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
  expect(alarms).toMatchObject([{ alarm: 'listing', message: expect.stringMatching(/removed log/) }])
})

/** A commit that is in the log and that no reader of the table sees, until it is let through. */
async function waitingCommit({ owner }: Bench): Promise<() => Promise<void>> {
  await owner.query('create table probe (number integer)')
  await owner.query('alter system set synchronous_standby_names = elsewhere')
  await owner.query('select pg_reload_conf()')
  // Commits wait once the checkpointer knows of the setting, which no statement shows.
  const waits = "select pid from pg_stat_activity where wait_event = 'SyncRep'"
  const letThrough = `select pg_cancel_backend(pid) from (${waits}) w`
  for (let isWaited = false; !isWaited;) {
    let isDone = false
    const probe = owner.query('insert into probe values (1)').then(() => (isDone = true))
    while (!isDone && !isWaited) isWaited = (await owner.query(letThrough)).rowCount! > 0
    await probe
  }
  const update = owner.query("update customer set name = 'Anna' where id = 1")
  await expect.poll(async () => (await owner.query(waits)).rowCount, { timeout: 20_000 }).toBe(1)
  expect((await owner.query('select name from customer')).rows).toEqual([{ name: 'Ann' }])
  return async () => {
    await owner.query(letThrough)
    await update
  }
}

test('a commit that waits for a standby is in the log before it is in the table: a row is not read before', async (context) => {
  const cluster = await ownCluster(context)
  const tables = 'create table customer (id integer primary key, name text, long text)'
  const bench = await benchOn(context, cluster.url, {
    tables: `${tables}; alter table customer alter long set storage external`,
  })
  const { owner, broker, capture } = bench
  const long = 'x'.repeat(10_000)
  await owner.query(`insert into customer values (1, 'Ann', '${long}')`)
  let reads = 0
  const pool = hooked(bench.pool, async () => void (reads += 1))
  const capturing = capture({ pool, heartbeatMs: 3_600_000 })
  await capturing.start()
  await listed(capturing)
  const goOn = await waitingCommit(bench)
  const before = reads
  // The long value is not in the log, so that the row has to be read: again and again.
  await expect.poll(() => reads - before, { timeout: 20_000 }).toBeGreaterThan(20)
  expect(await allEvents(broker)).toHaveLength(1)
  await goOn()
  await expectLatest(broker, { 1: { id: 1, name: 'Anna', long } })
})

test('a listing waits for commits that are in the log before it and not yet in the table', async (context) => {
  const cluster = await ownCluster(context)
  const bench = await benchOn(context, cluster.url)
  const { owner, broker, capture } = bench
  await owner.query("insert into customer values (1, 'Ann')")
  let reads = 0
  const pool = hooked(bench.pool, async () => void (reads += 1))
  const capturing = capture({ pool, heartbeatMs: 3_600_000 })
  await capturing.start()
  await listed(capturing)
  const goOn = await waitingCommit(bench)
  await expectLatest(broker, { 1: { id: 1, name: 'Anna' } })
  await capturing.relist()
  const before = reads
  await expect.poll(() => reads - before, { timeout: 20_000 }).toBeGreaterThan(20)
  expect(inShort(await allEvents(broker))).toEqual([
    'created 1 {"id":1,"name":"Ann"}',
    'updated 1 {"id":1,"name":"Anna"}',
  ])
  await goOn()
  await listed(capturing)
  await expectLatest(broker, { 1: { id: 1, name: 'Anna' } })
})

test('start() says how to make PostgreSQL write rows to its log', async (context) => {
  const cluster = await ownCluster(context, 'wal_level=replica')
  const { capture } = await benchOn(context, cluster.url)
  await expect(capture().start()).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(/alter system set wal_level = logical/),
  })
})

test('no slot or no connection free is told, and mended while it runs', async (context) => {
  const cluster = await ownCluster(context, 'max_replication_slots=1', 'max_wal_senders=1')
  const { owner, broker, alarms, capture } = await benchOn(context, cluster.url)
  await owner.query("select pg_create_logical_replication_slot('other', 'pgoutput')")
  await capture().start()
  await expect
    .poll(() => alarms, { timeout: 20_000 })
    .toMatchObject([{ alarm: 'failing', message: expect.stringMatching(/max_replication_slots/) }])
  await owner.query("select pg_drop_replication_slot('other'); insert into customer values (1, 'Ann')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
})

test('a standby is refused', async (context) => {
  const cluster = await ownCluster(context)
  const { capture } = await benchOn(context, cluster.url)
  await cluster.stop()
  await writeFile(join(cluster.data, 'standby.signal'), '')
  await cluster.run()
  await expect(capture().start()).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(/standby; connect to the primary/),
  })
})

test('a standby that took over may lack what was published: everything is listed again', async (context) => {
  const cluster = await ownCluster(context)
  const { owner, broker, alarms, capture } = await benchOn(context, cluster.url)
  await owner.query("insert into customer values (1, 'Ann'), (2, 'Bob')")
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  await capturing.stop()
  await cluster.stop()
  await writeFile(join(cluster.data, 'standby.signal'), '')
  await cluster.run()
  await owner.query('select pg_promote()')
  await owner.query('delete from customer where id = 2')
  await capturing.start()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
  expect(alarms.filter(({ alarm }) => alarm === 'listing')).toMatchObject([
    { message: expect.stringMatching(/goes on from a standby or a backup/) },
  ])
})

test('a server that goes away and comes back is captured on', async (context) => {
  const cluster = await ownCluster(context)
  const { owner, broker, alarms, capture } = await benchOn(context, cluster.url)
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  await cluster.stop()
  await expect.poll(() => alarms.map(({ alarm }) => alarm), { timeout: 20_000 }).toContain('failing')
  await cluster.run()
  await owner.query("insert into customer values (1, 'Ann')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
  expect(alarms.map(({ alarm }) => alarm)).not.toContain('listing')
})
