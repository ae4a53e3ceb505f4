import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net'
import { behindPgbouncer } from '@tidings/tools/pgbouncer'
import { Client, type ClientConfig } from 'pg'
import { expect, test } from 'vitest'
import { ownCluster } from './cluster.fixture.ts'
import { expectNoSlot, followBench, followBenchOn, history, noted, slotsOf } from './follow.fixture.ts'

test('a server without wal_level = logical is polled, with what to run', async (context) => {
  const cluster = await ownCluster(context, 'wal_level=replica')
  const { owner, started, notes } = await followBenchOn(context, cluster.url)
  const follower = await started()
  await noted(notes, false, /polling: .*"alter system set wal_level = logical"/)
  expect((await owner.query('select from pg_publication')).rowCount).toBe(0)
  await follower.stop()
})

test('a role that may not replicate polls, with what to run', async (context) => {
  const { owner, role, started, notes } = await followBench(context)
  await owner.query(`alter role ${role} noreplication`)
  await started()
  await noted(notes, false, new RegExp(`"alter role ""?${role}""? replication"`))
  expect(notes).toHaveLength(1)
})

test('a role that may not create the publication polls, with what to run, after which it follows', async (context) => {
  const { owner, role, pool, started, notes, woken, wakes } = await followBench(context)
  const [{ name }] = (await owner.query('select current_database() as name')).rows as [{ name: string }]
  await owner.query(`revoke create on database ${name} from ${role}`)
  const follower = await started()
  await noted(notes, false, /grant create on database .* let a superuser run: create publication/)
  await follower.stop()
  await owner.query(/create publication .*$/.exec(notes[0]!.message)![0])
  await started()
  await woken(1)
  await pool.query("insert into box.two values ('a')")
  await woken(2)
  expect(wakes()).toBe(2)
})

test('a publication that has something else is refused', async (context) => {
  const { owner, started, notes } = await followBench(context)
  await owner.query('create publication tidings_box for table box.one')
  await started()
  await noted(notes, false, /"drop publication ""?tidings_box""?"/)
})

test('a server with no slot free is polled, with what to change', async (context) => {
  const cluster = await ownCluster(context, 'max_replication_slots=1')
  const { owner, started, notes } = await followBenchOn(context, cluster.url)
  await owner.query("select pg_create_logical_replication_slot('taken', 'pgoutput')")
  await started()
  await noted(notes, false, /max_replication_slots/)
})

test('a server on which commits would wait for whoever follows is polled', async (context) => {
  const cluster = await ownCluster(context, 'synchronous_standby_names=ANY 1 (*)')
  const { owner, started, notes } = await followBenchOn(context, `${cluster.url}?options=-csynchronous_commit%3Dlocal`)
  await started()
  await noted(notes, false, /synchronous_standby_names/)
  expect(await slotsOf(owner)).toEqual([])
})

test('it lets go when commits are set to wait for it', async (context) => {
  const cluster = await ownCluster(context)
  const local = `${cluster.url}?options=-csynchronous_commit%3Dlocal`
  const { owner, following, notes } = await followBenchOn(context, local)
  await following({ lookMs: 100 })
  await owner.query("alter system set synchronous_standby_names = '*'")
  await owner.query('select pg_reload_conf()')
  await noted(notes, false, /synchronous_standby_names/)
  await expectNoSlot(owner)
})

test('through PgBouncer it polls, and says what is in between', async (context) => {
  const { url, started, notes } = await followBench(context)
  const bouncer = await behindPgbouncer(context, url)
  await started({
    replication: () => new Client({ connectionString: bouncer.url, replication: 'database' } as ClientConfig),
  })
  await noted(notes, false, /carries no replication .*PgBouncer/)
})

test('a transaction that is open for long lets nobody begin, and has no log kept', async (context) => {
  const cluster = await ownCluster(context)
  const { owner, pool, started, notes, woken } = await followBenchOn(context, cluster.url)
  const client = await owner.connect()
  await client.query("begin; insert into box.other values ('a')")
  await started()
  await noted(notes, false, /open for long.*pg_stat_activity/)
  await expectNoSlot(owner)
  await client.query('commit')
  client.release()
  await noted(notes, true)
  await woken(1)
  await pool.query("insert into box.one values ('a')")
  await woken(2)
})

test('the log that is kept does not grow while others write', { timeout: 60_000 }, async (context) => {
  const cluster = await ownCluster(context)
  const { owner, following, wakes } = await followBenchOn(context, cluster.url)
  await following()
  const retained = async (): Promise<number> => {
    // PostgreSQL moves a slot where it writes down which transactions run, which a checkpoint does as well.
    await owner.query('checkpoint')
    const { rows } = await owner.query('select pg_current_wal_lsn() - restart_lsn as bytes from pg_replication_slots')
    return Number(rows[0].bytes)
  }
  const rowsOf10MB = 'insert into box.other select repeat(md5(n::text), 30) from generate_series(1, 10000) n'
  for (let round = 0; round < 2; round++) {
    await owner.query(rowsOf10MB)
    await expect.poll(retained, { timeout: 30_000, interval: 500 }).toBeLessThan(1_000_000)
  }
  expect(wakes()).toBe(1)
})

test('above a limit of log that is kept it lets go, and begins again where the log ends', async (context) => {
  const cluster = await ownCluster(context)
  const { owner, pool, following, notes, woken } = await followBenchOn(context, cluster.url)
  await following({ mostRetainedBytes: 5_000_000, lookMs: 100 })
  const client = await owner.connect()
  await client.query("begin; insert into box.other values ('open for long')")
  await owner.query('insert into box.other select repeat(md5(n::text), 30) from generate_series(1, 10000) n')
  await noted(notes, false, /keep \d+ bytes of its log/)
  await client.query('commit')
  client.release()
  await noted(notes, true)
  await woken(2)
  await pool.query("insert into box.one values ('a')")
  await woken(3)
})

test('a connection whose slot is gone counts as ended', async (context) => {
  const { owner, url, following, notes, pool, woken } = await followBench(context)
  const { hostname, port, username, pathname } = new URL(url)
  let isDeaf = false
  const sockets: Socket[] = []
  const proxy = createServer({ allowHalfOpen: true }, (near) => {
    const far = createConnection({ host: hostname, port: Number(port) })
    near.pipe(far)
    far.on('data', (bytes) => isDeaf || near.write(bytes))
    far.on('end', () => isDeaf || near.end())
    for (const socket of [near, far]) socket.on('error', () => undefined)
    near.on('end', () => near.end())
    sockets.push(near, far)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  context.onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => proxy.close(resolve))
  })
  const there = { host: '127.0.0.1', port: (proxy.address() as AddressInfo).port }
  await following({
    lookMs: 100,
    replication: () => {
      isDeaf = false
      const client = { ...there, user: username, database: pathname.slice(1), replication: 'database' }
      return new Client(client)
    },
  })
  isDeaf = true
  const [slot] = await slotsOf(owner)
  await owner.query('select pg_terminate_backend($1)', [slot!.active_pid])
  await expect.poll(() => history(notes), { timeout: 30_000 }).toBe('follows polls follows')
  await woken(2)
  await pool.query("insert into box.one values ('a')")
  await woken(3)
})

test('no slot is left where the transaction that it waits for never ends', async (context) => {
  const cluster = await ownCluster(context)
  const { owner, started } = await followBenchOn(context, cluster.url)
  const client = await owner.connect()
  await client.query("begin; insert into box.other values ('a')")
  const follower = await started()
  await expect.poll(() => slotsOf(owner), { timeout: 20_000 }).toHaveLength(1)
  await follower.stop()
  await expectNoSlot(owner)
  await client.query('rollback')
  client.release()
})
