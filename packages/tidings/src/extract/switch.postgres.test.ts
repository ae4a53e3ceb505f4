import { expect, test, type TestContext } from 'vitest'
import { ample, expectEqual, extractBench, inState, type ExtractBench } from './extract.fixture.ts'
import type { Extraction } from './index.ts'

const account = 'create table account (id serial primary key, balance integer not null default 0)'
const tables = [{ old: 'account', new: 'account' }]

async function following(context: TestContext): Promise<{ bench: ExtractBench; extraction: Extraction }> {
  const bench = await extractBench(context, { before: account, after: account })
  await bench.old.writers.query('insert into account (balance) select 1 from generate_series(1, 20)')
  const extraction = bench.extraction()
  await extraction.begin(tables)
  bench.follow()
  await inState(extraction, 'following')
  return { bench, extraction }
}

/** Makes this side refuse what `write` changes, so that it cannot be applied, until the answered function is called. */
async function refuseChange({ admin }: ExtractBench['new']): Promise<() => Promise<unknown>> {
  const [found] = (await admin.query<{ most: number }>('select max(balance) as most from account')).rows
  await admin.query(`alter table account add constraint most check (balance <= ${found!.most})`)
  return () => admin.query('alter table account drop constraint most')
}

const write = 'update account set balance = balance + 1 where id = 1'

test('what is not drained in time is undone: the old side is written as before, and followed', async (context) => {
  const { bench, extraction } = await following(context)
  const letGo = await refuseChange(bench.new)
  await bench.old.writers.query(write)
  const switching = extraction.switchWriters({ ...ample(), limitMs: 300, uncompared: true })
  await expect(switching).rejects.toThrow(/was not done, and everything is as it was before.*not applied within 300 ms/)
  expect(await extraction.status()).toMatchObject({ state: 'following', written: { old: true, new: false } })
  await bench.old.writers.query(write)
  await letGo()
  await expectEqual(bench, ['account'])
  await extraction.switchWriters({ ...ample(), uncompared: true })
  const stay = await refuseChange(bench.old)
  await bench.new.writers.query(write)
  await expect(extraction.returnWriters({ ...ample(), limitMs: 300 })).rejects.toThrow('everything is as it was before')
  expect(await extraction.status()).toMatchObject({ state: 'switched', written: { old: false, new: true } })
  await bench.new.writers.query(write)
  await stay()
  await expectEqual(bench, ['account'])
}, 120_000)

test('an interruption while the writers are stopped undoes it', async (context) => {
  const { bench, extraction } = await following(context)
  const letGo = await refuseChange(bench.new)
  await bench.old.writers.query(write)
  const interrupt = new AbortController()
  const switching = extraction.switchWriters({ limitMs: 30_000, signal: interrupt.signal, uncompared: true })
  switching.catch(() => undefined)
  await expect
    .poll(() => bench.old.writers.query(write).catch((error: Error) => error.message), {
      timeout: 20_000,
      interval: 20,
    })
    .toMatch('is not written in this database')
  interrupt.abort(new Error('interrupted'))
  await expect(switching).rejects.toThrow(/everything is as it was before.*interrupted/)
  await letGo()
  await bench.old.writers.query(write)
  await expectEqual(bench, ['account'])
}, 120_000)

test('a switch whose process is gone is given up by whoever follows, once it has had its time', async (context) => {
  const { bench, extraction } = await following(context)
  const letGo = await refuseChange(bench.new)
  await bench.old.writers.query(write)
  const gone = bench.extraction().switchWriters({ ...ample(), limitMs: 600_000, uncompared: true })
  gone.catch(() => undefined)
  await expect.poll(async () => (await extraction.status())?.written.old, { timeout: 20_000 }).toBe(false)
  expect((await extraction.status())?.state).toBe('switching')
  await bench.old.admin.query("update tidings.extraction_side set guarded_until = now() - interval '1 hour'")
  await expect
    .poll(() => bench.notices.map(({ message }) => message), { timeout: 20_000 })
    .toContainEqual(expect.stringContaining('was not done in time'))
  expect(await extraction.status()).toMatchObject({ state: 'following', written: { old: true, new: false } })
  await bench.old.writers.query(write)
  // What is left of it finds that it was decided otherwise, by the state or by the log that is kept no more.
  await letGo()
  await expect(gone).rejects.toThrow(/has changed the state meanwhile|could not be followed back/)
  expect(await extraction.status()).toMatchObject({ state: 'following', written: { old: true, new: false } })
  await expectEqual(bench, ['account'])
}, 120_000)

test('an open transaction of a writer is waited for, without holding up the others', async (context) => {
  const { bench, extraction } = await following(context)
  const client = await bench.old.writers.connect()
  // A lock without a change yet, because a slot on this server would wait for that too.
  await client.query('begin; lock table account in row exclusive mode')
  const switching = extraction.switchWriters({ ...ample(), uncompared: true })
  await inState(extraction, 'switching')
  for (let id = 2; id < 7; id++) await bench.old.writers.query('update account set balance = 100 where id = $1', [id])
  await client.query(`${write}; commit`)
  client.release()
  await switching
  await expectEqual(bench, ['account'])
  const { rows } = await bench.new.admin.query('select balance from account where id = 1')
  expect(rows).toEqual([{ balance: 2 }])
}, 120_000)

test('an old side that a dead switch has left guarded is opened again', async (context) => {
  const { bench, extraction } = await following(context)
  const letGo = await refuseChange(bench.new)
  await bench.old.writers.query(write)
  const switching = bench.extraction().switchWriters({ ...ample(), limitMs: 600_000, uncompared: true })
  switching.catch(() => undefined)
  await expect.poll(async () => (await extraction.status())?.written.old, { timeout: 20_000 }).toBe(false)
  // As a process leaves it that is killed between giving up and opening.
  await bench.new.admin.query("update tidings.extraction set state = 'following'")
  await letGo()
  await expect.poll(async () => (await extraction.status())?.written.old, { timeout: 20_000 }).toBe(true)
  await bench.old.writers.query(write)
  await expectEqual(bench, ['account'])
  await expect(switching).rejects.toThrow(/has changed the state meanwhile|could not be followed back/)
}, 120_000)

test('switching is refused before both sides were found equal, and a difference is found', async (context) => {
  const { bench, extraction } = await following(context)
  await expect(extraction.switchWriters(ample())).rejects.toThrow('not found equal yet')
  await bench.new.admin.query(
    'begin; alter table account disable trigger tidings_extract; update account set balance = 9 where id = 3; alter table account enable always trigger tidings_extract; commit',
  )
  const options = { patienceMs: 300, signal: new AbortController().signal, onDifference: () => undefined }
  expect(await extraction.compare(options)).toMatchObject([{ differences: 1 }])
  await expect(extraction.switchWriters(ample())).rejects.toThrow('not found equal yet')
  await bench.old.writers.query('update account set balance = 5 where id = 3')
  await expectEqual(bench, ['account'])
  expect(await extraction.compare(options)).toMatchObject([{ differences: 0 }])
  await extraction.switchWriters(ample())
}, 120_000)

test('numbers that either side has given are not given again, nor those that stand in rows', async (context) => {
  const { bench, extraction } = await following(context)
  await bench.old.writers.query("select setval('account_id_seq', 500); insert into account (id) values (900)")
  await extraction.switchWriters({ ...ample(), uncompared: true })
  const next = 'insert into account (balance) values (0) returning id'
  expect((await bench.new.writers.query(next)).rows).toEqual([{ id: 901 }])
  await bench.new.writers.query("select nextval('account_id_seq')")
  await extraction.returnWriters(ample())
  expect((await bench.old.writers.query(next)).rows).toEqual([{ id: 903 }])
}, 120_000)
