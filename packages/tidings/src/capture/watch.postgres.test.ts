import { expect, test } from 'vitest'
import { TidingsError } from '../errors.ts'
import { captureBench, expectLatest, latestOf, listed } from './capture.fixture.ts'

const noise = 'insert into noise select repeat(md5(n::text), 20) from generate_series(1, 1000) n'
const tables = 'create table customer (id integer primary key, name text); create table noise (text text)'

test('a quiet table in a busy database does not keep its log', async (context) => {
  const { owner, slot, capture } = await captureBench(context, { tables })
  const capturing = capture({ heartbeatMs: 50 })
  await capturing.start()
  await listed(capturing)
  const confirmed = async (): Promise<bigint> => {
    const { rows } = await owner.query<{ lsn: string }>(
      "select (confirmed_flush_lsn - '0/0') as lsn from pg_replication_slots where slot_name = $1",
      [slot],
    )
    return BigInt(rows[0]!.lsn)
  }
  for (let round = 0; round < 3; round++) {
    await owner.query(noise)
    const { rows } = await owner.query<{ lsn: string }>("select (pg_current_wal_lsn() - '0/0') as lsn")
    await expect.poll(async () => (await confirmed()) >= BigInt(rows[0]!.lsn), { timeout: 20_000 }).toBe(true)
  }
  const stats = await capturing.stats()
  expect(stats).toMatchObject({ streaming: true, listing: false, published: 0, refused: 0, slot: 'reserved' })
})

test('somebody is told of log that is kept, and of changes that do not come through', async (context) => {
  const { owner, broker, faults, alarms, capture } = await captureBench(context, { tables })
  const capturing = capture({ heartbeatMs: 50, alarmAboveBytes: 100_000, alarmAfterMs: 200 })
  await capturing.start()
  await listed(capturing)
  faults.publish = async () => Promise.reject(new TidingsError('unavailable', 'the broker is down'))
  await owner.query("insert into customer values (1, 'Ann')")
  await owner.query(noise)
  const told = (): readonly string[] => [...new Set(alarms.map(({ alarm }) => alarm))].toSorted()
  await expect.poll(told, { timeout: 20_000 }).toEqual(['behind', 'broker-failing', 'retained'])
  const { lagBytes, retainedBytes } = await capturing.stats()
  expect(lagBytes).toBeGreaterThan(100_000)
  expect(retainedBytes).toBeGreaterThanOrEqual(lagBytes)
  // On a slow machine the alarm may be of the time before the broker was down.
  await expect.poll(async () => (await capturing.stats()).behindMs, { timeout: 20_000 }).toBeGreaterThan(200)
  delete faults.publish
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
  await expect.poll(async () => (await capturing.stats()).lagBytes, { timeout: 20_000 }).toBeLessThan(100_000)
})

test('a broker that is slow holds up the stream, and not this process', async (context) => {
  const { owner, slot, broker, faults, capture } = await captureBench(context)
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  let goOn = (): void => undefined
  const held = new Promise<void>((resolve) => (goOn = resolve))
  faults.publish = async (...call) => {
    await held
    return broker.publish(...call)
  }
  // Twice what may wait, and what the sockets hold.
  await owner.query('insert into customer select id, repeat(md5(id::text), 30) from generate_series(1, 40000) id')
  const sent = `select sent_lsn - '0/0' as sent, pg_current_wal_lsn() - '0/0' as written from pg_stat_replication
    join pg_replication_slots on active_pid = pid where slot_name = '${slot}'`
  const buffered = async (): Promise<string> => {
    const { rows } = await owner.query<{ sent: string }>(sent)
    return rows[0]!.sent
  }
  let last = ''
  await expect
    .poll(
      async () => {
        const before = last
        last = await buffered()
        return last === before
      },
      { interval: 500, timeout: 20_000 },
    )
    .toBe(true)
  const { rows } = await owner.query<{ sent: string; written: string }>(sent)
  expect(BigInt(rows[0]!.sent)).toBeLessThan(BigInt(rows[0]!.written))
  goOn()
  await expect.poll(async () => (await capturing.stats()).published, { timeout: 25_000 }).toBe(40_000)
  const names = await owner.query<{ id: number; name: string }>('select id, name from customer')
  expect(await latestOf(broker)).toEqual(Object.fromEntries(names.rows.map((row) => [String(row.id), row])))
})
