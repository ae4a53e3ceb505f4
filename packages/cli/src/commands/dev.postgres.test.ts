import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'
import { changesUntil, tableBench } from '../dev/dev.fixture.ts'

// Several processes of a command each, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 90_000 })

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const customers = `create table customers (id integer primary key, name text);
  insert into customers select number, 'customer ' || number from generate_series(1, 1500) number`

test('dev copies a table and its changes, goes on after kill -9, and takes everything away again', async (context) => {
  const table = await tableBench(context, bench, { table: 'customers', tables: customers })
  const { url, owner, words } = table
  const slot = `tidings_dev_${folderOf(url)}_customers`
  const first = await table.startDev()
  expect(table.copied('select count(*) as rows from customers')).toEqual([{ rows: 1500n }])
  await owner.query(`update customers set name = 'Ann' where id = 1`)
  await owner.query('delete from customers where id = 2')
  await owner.query('update customers set id = 5000 where id = 3')
  expect(await changesUntil(first, '5000')).toEqual([
    ['updated', '1'],
    ['deleted', '2'],
    ['deleted', '3'],
    ['created', '5000'],
  ])
  expect(table.copied('select id, name from customers where id in (1, 2, 3, 5000) order by id')).toEqual([
    { id: 1n, name: 'Ann' },
    { id: 5000n, name: 'customer 3' },
  ])
  first.child.kill('SIGKILL')
  await first.ended
  await owner.query(`insert into customers values (6000, 'while nobody looked')`)
  const second = await table.startDev()
  // What was applied and not settled comes again, and nothing is listed again.
  const changes = await changesUntil(second, '6000')
  expect(changes.at(-1)).toEqual(['created', '6000'])
  expect(changes.length).toBeLessThanOrEqual(5)
  expect(await table.verify()).toMatchObject({
    code: 0,
    stdout: 'equal: 1,500 rows in the source, 1,500 in the copy\n',
  })
  const busy = await bench.run(['dev', '--capture', url, ...words, ...dataOf(url), '--remove', '--yes'])
  expect(busy).toMatchObject({ code: 1, stderr: expect.stringMatching(/in use by process/) })
  second.child.kill('SIGINT')
  expect(await second.ended).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(new RegExp(`slot ${slot} .*--remove`)),
  })
  const slots = async () =>
    (await owner.query('select slot_name from pg_replication_slots where database = current_database()')).rows
  expect(await slots()).toEqual([{ slot_name: slot }])
  const removed = await bench.run(['dev', '--capture', url, ...words, ...dataOf(url), '--remove', '--yes', '--json'])
  expect([removed.code, jsonLines(removed.stdout)]).toMatchObject([0, [{ slot, removed: true }]])
  expect(await slots()).toEqual([])
  expect((await owner.query('select pubname from pg_publication')).rows).toEqual([])
  expect(readdirSync(join(bench.folder, folderOf(url)))).toEqual([])
})

test('dev goes on when its connections are ended, when its copy is deleted, and when its events are', async (context) => {
  const table = await tableBench(context, bench, { table: 'public.customers', tables: customers })
  const { owner, url } = table
  const first = await table.startDev()
  await owner.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`)
  await owner.query(`insert into customers values (2000, 'after the end')`)
  expect(await changesUntil(first, '2000')).toEqual([['created', '2000']])
  await interruptAndRemove(first, [join(folderOf(url), 'copy.db'), join(folderOf(url), 'copy.db-wal')])
  const second = await table.startDev()
  expect(await table.verify()).toMatchObject({ code: 0 })
  await interruptAndRemove(second, [join(folderOf(url), 'events')])
  await owner.query('delete from customers where id < 1000')
  await table.startDev()
  await vi.waitFor(
    () => expect(table.copied('select count(*) as rows from customers')).toEqual([{ rows: 502n }]),
    20_000,
  )
  expect(await table.verify()).toMatchObject({ code: 0 })
})

test('dev copies the columns that a table has when it is started, of every row', async (context) => {
  const table = await tableBench(context, bench, { table: 'customers', tables: customers })
  const { owner } = table
  const first = await table.startDev()
  await owner.query('update customers set id = 2000 where id = 2')
  await changesUntil(first, '2000')
  await owner.query(`alter table customers add column status text default 'new', drop column name`)
  await owner.query(`update customers set status = 'old' where id = 1`)
  await first.printed(/Columns of customers were added \(status\) or dropped \(name\)/)
  await interruptAndRemove(first, [])
  await owner.query('alter table customers add column vip boolean default true')
  await table.startDev()
  expect(await table.verify()).toMatchObject({ code: 0 })
  const rows = table.copied('select status, vip, count(*) as rows from customers group by 1, 2 order by 1')
  expect(rows).toEqual([
    { status: 'new', vip: 1n, rows: 1499n },
    { status: 'old', vip: 1n, rows: 1n },
  ])
})

test('dev leaves alone what else is in the file of the copy', async (context) => {
  const table = await tableBench(context, bench, { table: 'customers', tables: customers })
  const { url, words } = table
  const running = await table.startDev()
  table.tamper('create table mine (id integer primary key)')
  running.child.kill('SIGTERM')
  await running.ended
  expect(await bench.run(['dev', '--capture', url, ...words, ...dataOf(url), '--remove', '--dry-run'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('would remove'),
  })
  expect(await bench.run(['dev', '--capture', url, ...words, ...dataOf(url), '--remove'])).toMatchObject({ code: 2 })
  await bench.run(['dev', '--capture', url, ...words, ...dataOf(url), '--remove', '--yes'])
  expect(table.copied("select name from sqlite_schema where name in ('mine', 'customers')")).toEqual([{ name: 'mine' }])
})

test.for([
  ['a table that is not there', 'nothing', /no table nothing/],
  ['a table without a key', 'keyless', /has no key; run "alter table .* add primary key/],
  ['what is no name of a table', 'a b', /no name of a table/],
] as const)('dev refuses %s, and makes nothing', async ([_what, table, message], context) => {
  const { url } = await tableBench(context, bench, { table, tables: 'create table keyless (name text)' })
  const copy = join(folderOf(url), 'nothing.db')
  expect(await bench.run(['dev', '--capture', url, '--table', table, '--copy', copy])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(message),
  })
  expect(existsSync(join(bench.folder, copy))).toBe(false)
  expect(existsSync(join(bench.folder, '.data'))).toBe(false)
})

test('dev says what is wrong with an address', async (context) => {
  const { url, words } = await tableBench(context, bench, { table: 'customers', tables: customers })
  const at = (address: string) => bench.tidings('dev', '--capture', address, ...words)
  expect(await bench.tidings('dev', ...words)).toMatchObject({ code: 2, stderr: expect.stringContaining('--capture') })
  expect(await at('mysql://localhost/crm')).toMatchObject({ code: 2, stderr: expect.stringContaining('postgres://') })
  const [nothing, nobody] = [new URL(url), new URL(url)]
  nothing.pathname = 'no_such_database'
  nobody.username = 'nobody_of_this_name'
  expect(await at(nothing.href)).toMatchObject({ code: 1, stderr: expect.stringContaining('correct the name') })
  expect(await at(nobody.href)).toMatchObject({ code: 1, stderr: expect.stringContaining('correct the user') })
})

function folderOf(url: string): string {
  return new URL(url).pathname.slice(1)
}

function dataOf(url: string): readonly string[] {
  return ['--data', join(folderOf(url), 'events')]
}

async function interruptAndRemove(
  running: Awaited<ReturnType<Awaited<ReturnType<typeof tableBench>>['startDev']>>,
  paths: readonly string[],
): Promise<void> {
  running.child.kill('SIGINT')
  expect(await running.ended).toMatchObject({ code: 0 })
  for (const path of paths) await rm(join(bench.folder, path), { recursive: true, force: true })
}
