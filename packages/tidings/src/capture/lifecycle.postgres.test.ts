import { Client } from 'pg'
import { expect, test } from 'vitest'
import { TidingsError } from '../errors.ts'
import { allEvents, captureBench, expectLatest, hooked, listed, publish } from './capture.fixture.ts'

test('start and stop may be called in any order, as often as one likes', async (context) => {
  const { owner, broker, capture, alarms } = await captureBench(context)
  await owner.query("insert into customer values (1, 'Ann')")
  const capturing = capture()
  await capturing.stop()
  await Promise.all([capturing.start(), capturing.start()])
  await Promise.all([capturing.stop(), capturing.start(), capturing.stop()])
  await capturing.start()
  await listed(capturing)
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
  await capturing[Symbol.asyncDispose]()
  await capturing.stop()
  await owner.query("insert into customer values (2, 'Bob')")
  await expect(capturing.relist()).rejects.toMatchObject({ code: 'stopped' })
  expect(await allEvents(broker)).toHaveLength(1)
  await capturing.start()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 2: { id: 2, name: 'Bob' } })
  expect(alarms.map(({ alarm }) => alarm)).not.toContain('listing')
})

test('what the broker has not answered when it stops comes after the next start', async (context) => {
  const { owner, broker, capture, faults } = await captureBench(context)
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  let calls = 0
  faults.publish = async () => {
    calls += 1
    throw new TidingsError('unavailable', 'the connection was lost')
  }
  await owner.query("insert into customer values (1, 'Ann')")
  await expect.poll(() => calls, { timeout: 20_000 }).toBeGreaterThan(0)
  await capturing.stop()
  delete faults.publish
  await capturing.start()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
})

test('it may be stopped while it waits for a transaction that is open in the database', async (context) => {
  const { owner, broker, capture } = await captureBench(context)
  const client = await owner.connect()
  await client.query("begin; insert into customer values (1, 'Ann')")
  const capturing = capture()
  await capturing.start()
  const waits = "select 1 from pg_stat_activity where query like '%pg_create_logical%' and wait_event_type = 'Lock'"
  await expect.poll(async () => (await owner.query(waits)).rowCount, { timeout: 20_000 }).toBe(1)
  const asked = capturing.relist().catch((error: unknown) => error)
  await capturing.stop()
  expect(await asked).toMatchObject({ code: 'stopped' })
  await client.query('commit')
  client.release()
  await capturing.start()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
})

test('start() may fail and be tried again', async (context) => {
  const { owner, slot, broker, capture } = await captureBench(context, { published: false })
  const capturing = capture()
  await expect(capturing.start()).rejects.toMatchObject({ code: 'bad-request' })
  await publish(owner, slot)
  await capturing.start()
  await owner.query("insert into customer values (1, 'Ann')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
})

test('a connection that cannot be opened is told once, and tried again', async (context) => {
  const { owner, broker, capture, alarms, url } = await captureBench(context)
  let fails = 3
  const wrong = new URL(url)
  wrong.username = 'nobody_at_all'
  await capture({
    replication: () => {
      const connectionString = fails-- > 0 ? wrong.href : url
      return new Client({ connectionString, replication: 'database' } as object)
    },
  }).start()
  await owner.query("insert into customer values (1, 'Ann')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
  expect(alarms.map(({ alarm }) => alarm)).toEqual(['failing'])
})

test('a second capture of an entity is refused, and the first goes on', async (context) => {
  const { owner, broker, capture, alarms } = await captureBench(context)
  await publish(owner, 'tidings_second')
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  await capture({ name: 'second' }).start()
  await expect
    .poll(() => alarms, { timeout: 20_000 })
    .toMatchObject([
      { alarm: 'failing', message: expect.stringMatching(/Another capture in this database publishes crm\.customer/) },
    ])
  await owner.query("insert into customer values (1, 'Ann')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
})

test('of two processes with one capture, the second waits until the first has ended', async (context) => {
  const { owner, broker, capture, alarms } = await captureBench(context)
  const first = capture()
  await first.start()
  await listed(first)
  const second = capture()
  await second.start()
  await expect
    .poll(() => alarms.map(({ message }) => message), { timeout: 20_000 })
    .toEqual([expect.stringMatching(/is active for PID/)])
  await owner.query("insert into customer values (1, 'Ann')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
  await first.stop()
  await owner.query("insert into customer values (2, 'Bob')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 2: { id: 2, name: 'Bob' } })
  expect(await allEvents(broker)).toHaveLength(2)
})

test('a process whose capture another one has begun anew writes nothing down for it', async (context) => {
  const { owner, broker, capture, alarms } = await captureBench(context)
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  await owner.query('update tidings.capture set sourceepoch = sourceepoch + 1')
  await expect
    .poll(() => alarms, { timeout: 20_000 })
    .toMatchObject([{ alarm: 'failing', message: expect.stringMatching(/begun another life/) }])
  await owner.query("insert into customer values (1, 'Ann')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
})

test('stop() does not wait for a table that somebody alters', async (context) => {
  const bench = await captureBench(context)
  const { owner, broker, alarms, capture } = bench
  await owner.query("insert into customer values (1, 'Ann')")
  const client = await owner.connect()
  let reads = 0
  const pool = hooked(bench.pool, async (text) => {
    if (!text.includes('order by r.')) return
    reads += 1
    if (reads === 1) await client.query('begin; lock table customer in access exclusive mode')
  })
  const capturing = capture({ pool })
  await capturing.start()
  // It waits, gives up, and waits again.
  await expect.poll(() => reads, { timeout: 20_000 }).toBeGreaterThan(2)
  await capturing.stop()
  expect(alarms).toEqual([])
  await client.query('commit')
  client.release()
  await capturing.start()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
})
