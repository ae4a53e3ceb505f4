import { expect, test } from 'vitest'
import { hooked } from './capture.fixture.ts'
import { ownCluster } from './cluster.fixture.ts'
import { expectNoSlot, followBench, followBenchOn, history, noted, slotsOf } from './follow.fixture.ts'

test('every commit into the tables wakes, and nothing else does', async (context) => {
  const { pool, following, woken, wakes } = await followBench(context)
  await following()
  await pool.query("insert into box.one values ('a')")
  await woken(2)
  await pool.query("insert into box.other values ('b')")
  await pool.query("begin; insert into box.one values ('c'); rollback")
  await pool.query("insert into box.two values ('d')")
  await woken(3)
  await pool.query("update box.one set note = 'e'; delete from box.two; truncate box.one")
  await pool.query("insert into box.one values ('f')")
  await woken(4)
  expect(wakes()).toBe(4)
})

test('a transaction wakes once, however many rows it wrote', async (context) => {
  const { pool, following, woken, wakes } = await followBench(context)
  await following()
  await pool.query("insert into box.one select repeat('x', 1000) from generate_series(1, 20000)")
  await woken(2)
  await pool.query("insert into box.two values ('behind it')")
  await woken(3)
  expect(wakes()).toBe(3)
})

test('commits that come while it looks wake once together', async (context) => {
  const { owner, pool, following, woken, wakes } = await followBench(context)
  let looks = 0
  let release: (() => void) | undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  await following({
    pool: hooked(pool, async (text) => {
      if (/pg_current_snapshot/.test(text) && ++looks === 1) await held
    }),
  })
  for (let number = 0; number < 50; number++) await pool.query("insert into box.one values ('a')")
  const isRead = async (): Promise<boolean> => {
    const slots = 'pg_replication_slots where database = current_database()'
    const { rows } = await owner.query(`select confirmed_flush_lsn >= $1::pg_lsn as read from ${slots}`, [end])
    return rows[0].read
  }
  const end = (await owner.query('select pg_current_wal_lsn()::text as lsn')).rows[0].lsn
  await expect.poll(isRead, { timeout: 30_000 }).toBe(true)
  release!()
  await woken(2)
  expect(looks).toBe(1)
  await pool.query("insert into box.one values ('last')")
  await woken(3)
  expect(wakes()).toBe(3)
})

test('nobody is woken before what was committed can be seen', async (context) => {
  const cluster = await ownCluster(context)
  const { owner, pool, following, woken, wakes } = await followBenchOn(context, cluster.url)
  let looks = 0
  await following({
    pool: hooked(pool, async (text) => {
      if (/pg_current_snapshot/.test(text)) looks += 1
    }),
  })
  const standbys = async (names: string): Promise<void> => {
    await owner.query(`alter system set synchronous_standby_names = '${names}'`)
    await owner.query('select pg_reload_conf()')
    await expect
      .poll(async () => (await owner.query('show synchronous_standby_names')).rows)
      .toEqual([{ synchronous_standby_names: names }])
  }
  await standbys('nobody_at_all')
  // Each process of the server takes the setting up when it gets to it: until one commit waits others may not.
  let probe: Promise<unknown> = Promise.resolve()
  const waits = async (): Promise<boolean> =>
    (await owner.query("select from pg_stat_activity where wait_event = 'SyncRep'")).rows.length > 0
  while (!(await waits())) {
    let isDone = false
    probe = pool.query("insert into box.other values ('a')").then(() => (isDone = true))
    await expect.poll(async () => isDone || (await waits()), { timeout: 30_000, interval: 5 }).toBe(true)
  }
  // In the log, and on the disk, and not to be seen until a standby has it.
  const committing = pool.query("insert into box.one values ('a')")
  await expect.poll(() => looks, { timeout: 30_000, interval: 5 }).toBeGreaterThan(3)
  expect(wakes()).toBe(1)
  await standbys('')
  await Promise.all([probe, committing])
  await woken(2)
})

test('a connection that is cut is made again, and told', async (context) => {
  const { owner, pool, following, notes, woken } = await followBench(context)
  await following()
  const [before] = await slotsOf(owner)
  await owner.query('select pg_terminate_backend($1)', [before!.active_pid])
  await expect.poll(() => history(notes), { timeout: 30_000 }).toBe('follows polls follows')
  await woken(2)
  await pool.query("insert into box.one values ('a')")
  await woken(3)
  const after = await slotsOf(owner)
  expect(after.map((slot) => slot.slot_name)).not.toContain(before!.slot_name)
  expect(after).toHaveLength(1)
})

test('a server that is started again is followed again', async (context) => {
  const cluster = await ownCluster(context)
  const { pool, following, notes, woken } = await followBenchOn(context, cluster.url)
  await following()
  await cluster.stop()
  await noted(notes, false, /polling/)
  await cluster.run()
  await woken(2)
  await pool.query("insert into box.one values ('a')")
  await woken(3)
  expect(history(notes)).toBe('follows polls follows')
})

test('start and stop may be called in any order; nothing but the publication is left', async (context) => {
  const { owner, pool, started, woken, wakes } = await followBench(context)
  const follower = await started()
  await follower.stop()
  const follow = { name: 'box', tables: ['box.one', 'box.two'], wake: () => undefined }
  await Promise.all([follower.start(follow), follower.start(follow)])
  await Promise.all([follower.stop(), follower.stop()])
  await expectNoSlot(owner)
  const other = await started()
  await woken(wakes() + 1)
  expect(await slotsOf(owner)).toHaveLength(1)
  await other[Symbol.asyncDispose]()
  const stopped = wakes()
  await expectNoSlot(owner)
  await pool.query("insert into box.one values ('a')")
  expect(wakes()).toBe(stopped)
  expect((await owner.query('select pubname from pg_publication')).rows).toEqual([{ pubname: 'tidings_box' }])
})

test('the publication has inserts, and from PostgreSQL 15 on nothing of them but a number', async (context) => {
  const { owner, following } = await followBench(context)
  await following()
  const { rows } = await owner.query(
    `select p.pubinsert, p.pubupdate or p.pubdelete or p.pubtruncate as more, to_jsonb(r) ->> 'prattrs' as columns,
            current_setting('server_version_num')::integer >= 150000 as limits
       from pg_publication p join pg_publication_rel r on r.prpubid = p.oid where p.pubname = 'tidings_box'`,
  )
  const { limits } = rows[0]
  const each = { pubinsert: true, more: false, columns: limits ? '[2]' : null, limits }
  expect(rows).toEqual([each, each])
})

test('two may follow one database', async (context) => {
  const { owner, pool, started, woken, wakes } = await followBench(context)
  await Promise.all([started(), started()])
  await expect.poll(() => slotsOf(owner), { timeout: 30_000 }).toHaveLength(2)
  await woken(2)
  await pool.query("insert into box.one values ('a')")
  await woken(4)
  expect(wakes()).toBe(4)
})
