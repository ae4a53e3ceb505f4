import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'
import { tableBench } from '../dev/dev.fixture.ts'

// Several processes of a command each, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 90_000 })

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const customers = `create table customers (id integer primary key, name text, balance bigint);
  insert into customers select number, 'customer ' || number, 0 from generate_series(1, 500) number`

test('verify finds a row that was changed, one that was deleted and one that was added in the copy', async (context) => {
  const table = await tableBench(context, bench, { table: 'customers', tables: customers })
  await table.startDev()
  expect(await table.verify()).toMatchObject({ code: 0, stdout: 'equal: 500 rows in the source, 500 in the copy\n' })
  table.tamper(`update customers set name = 'Eve', balance = null where id = 7; delete from customers where id = 8;
    insert into customers (id, tidings_version) values (900, ''), ('x', '')`)
  expect(await table.verify('--patience', '0.2')).toMatchObject({
    code: 4,
    stdout: `${[
      'different  7  name: "customer 7" → "Eve"  balance: 0 → null',
      'missing in the copy  8',
      'only in the copy  900',
      'only in the copy  x',
      'different: 4 rows; 500 rows in the source, 501 in the copy',
    ].join('\n')}\n`,
  })
  expect(await table.verify('--patience', '0.2', '--columns', 'balance', '--json')).toMatchObject({ code: 4 })
  const onlyNames = await table.verify('--patience', '0.2', '--columns', 'name', '--json')
  expect(jsonLines(onlyNames.stdout)).toMatchObject([
    {
      key: '7',
      kind: 'different',
      columns: [{ column: 'name', source: '"customer 7"', copy: '"Eve"' }],
      confirmedBy: 'patience',
    },
    { key: '8', kind: 'missing-in-copy', columns: [] },
    { key: '900', kind: 'only-in-copy', columns: [] },
    { key: 'x', kind: 'only-in-copy', columns: [] },
    { equal: false, source: 500, copy: 501, differences: 4, changing: 0 },
  ])
})

test('verify shows at most 20 differences, shortened, and counts all', async (context) => {
  const table = await tableBench(context, bench, { table: 'customers', tables: customers })
  await table.startDev()
  table.tamper(`update customers set name = printf('%.*c', 1000, 'x')`)
  const { code, stdout } = await table.verify('--patience', '0.2')
  const lines = stdout.trimEnd().split('\n')
  expect([code, lines.length, lines.at(-1)]).toEqual([
    4,
    21,
    'different: 500 rows (the first 20 are shown); 500 rows in the source, 500 in the copy',
  ])
  expect(lines[0]).toMatch(/^different {2}\d+ {2}name: "customer \d+" → "x{59}…$/)
})

test('verify beside a load of writes says equal and takes nothing for drift', async (context) => {
  const table = await tableBench(context, bench, { table: 'customers', tables: customers })
  await table.startDev()
  const newest = () => table.copied('select max(id) as id from customers')[0]?.['id']
  let isOver = false
  const writing = (async () => {
    for (let round = 1; !isOver; round++) {
      await table.owner.query('update customers set balance = balance + 1 where id = $1', [1 + (round % 500)])
      await table.owner.query('delete from customers where id = $1', [1_000 + round - 20])
      await table.owner.query(`insert into customers values ($1, 'new', 0)`, [1_000 + round])
      // A load that the copy can keep up with, however slow the machine is.
      if (round % 20 === 0) await vi.waitFor(() => expect(newest()).toBe(BigInt(1_000 + round)), 20_000)
    }
  })()
  const results = [await table.verify('--json'), await table.verify('--json')]
  isOver = true
  await writing
  for (const { code, stdout } of results) {
    expect([code, jsonLines(stdout)]).toMatchObject([0, [{ equal: true, differences: 0 }]])
  }
  expect(await table.verify()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^equal: 520 rows/) })
})

/** A column of each kind, and two values of it. */
const values: Readonly<Record<string, readonly [type: string, one: string, other: string]>> = {
  big: ['bigint', '9223372036854775807', '9223372036854775806'],
  amount: ['numeric', '12345678901234567890.10', '12345678901234567890.1'],
  nothing: ['text', 'null', "''"],
  yes: ['boolean', 'true', 'false'],
  double: ['double precision', '1e300', "'-Infinity'"],
  small: ['real', '0.1', '-0.0'],
  document: ['jsonb', `'{"b": [9007199254740993], "a": null}'`, `'{"b": [9007199254740992], "a": null}'`],
  moment: ['timestamptz', "'2026-03-01 10:00:00.123456+01'", "'2026-03-01 10:00:00.123457+01'"],
  day: ['date', "'0044-03-15 BC'", "'infinity'"],
  bytes: ['bytea', "'\\x00ff10'", "'\\x00ff11'"],
  list: ['bigint[]', "'{1,NULL,9223372036854775807}'", "'{1,NULL,9223372036854775806}'"],
  text: ['text', `E'say "x"\\n\\u2028 😀'`, `E'say "x"\\n\\u2028 😁'`],
}

test('verify compares every kind of value exactly, and keys of every kind', async (context) => {
  const columns = Object.entries(values).map(([name, [type]]) => `"${name}" ${type}`)
  const row = (which: 1 | 2) => Object.values(values).map((value) => value[which])
  const keys = 'id bigint, part bytea, "when" timestamptz, primary key ("when", id, part)'
  const key = (id: string) => `${id}, '\\x00ff', '2026-01-01 00:00:00.5+00'`
  const tables = `create schema app; create table app."Many Things" (${keys}, ${columns.join(', ')});
    insert into app."Many Things" values (${key('9223372036854775807')}, ${row(1).join(', ')}),
      (${key('-1')}, ${row(2).join(', ')})`
  const table = await tableBench(context, bench, { table: 'app."Many Things"', tables })
  await table.startDev()
  expect(await table.verify()).toMatchObject({ code: 0, stdout: 'equal: 2 rows in the source, 2 in the copy\n' })
  // Each value of the one row in the place of that of the other: all of them are told apart.
  const names = Object.keys(values).map((name) => `"${name}"`)
  table.tamper(`create temp table first as select * from "app_Many Things" where id > 0;
    update "app_Many Things" set (${names.join(', ')}, tidings_encoded) =
      (select ${names.join(', ')}, tidings_encoded from temp.first) where id < 0`)
  const { code, stdout } = await table.verify('--patience', '0.2', '--json')
  const [difference] = jsonLines(stdout)
  expect([code, difference]).toMatchObject([4, { key: '["2026-01-01T00:00:00.5Z","-1","AP8="]', kind: 'different' }])
  const different = (difference!['columns'] as { column: string }[]).map(({ column }) => column)
  expect(different.toSorted()).toEqual(Object.keys(values).toSorted())
})

test.for([
  ['bytea', `'\\x00ff'`, `'\\x0102'`, 'AP8='],
  ['bigint', '9223372036854775807', '9007199254740993', '9223372036854775807'],
  ['numeric', '1.50', '2', '1.50'],
  ['text', `'Ärger'`, `'zoo'`, 'Ärger'],
  ['timestamptz', "'2026-01-01 00:00+00'", "'infinity'", '2026-01-01T00:00:00Z'],
] as const)('verify finds its rows again by a key of the type %s', async ([type, one, other, key], context) => {
  const tables = `create domain own as ${type}; create table things (id own primary key, name text);
    insert into things values (${one}, 'one'), (${other}, 'other')`
  const table = await tableBench(context, bench, { table: 'things', tables })
  await table.startDev()
  expect(await table.verify()).toMatchObject({ code: 0, stdout: 'equal: 2 rows in the source, 2 in the copy\n' })
  await table.owner.query(`update things set name = 'changed' where id = ${one}`)
  await table.owner.query(`delete from things where id = ${other}`)
  expect(await table.verify()).toMatchObject({ code: 0, stdout: 'equal: 1 row in the source, 1 in the copy\n' })
  table.tamper(`update things set name = 'Eve'`)
  const { stdout } = await table.verify('--patience', '0.2', '--json')
  expect(jsonLines(stdout)[0]).toMatchObject({ key, kind: 'different' })
})

test('verify says what it cannot compare', async (context) => {
  const table = await tableBench(context, bench, { table: 'customers', tables: customers })
  await table.startDev()
  const { url, words } = table
  const saying = (text: string) => ({ stderr: expect.stringContaining(text) })
  expect(await bench.tidings('verify', '--source', url, '--table', 'customers', '--copy', 'nowhere.db')).toMatchObject({
    code: 1,
    ...saying('no file nowhere.db'),
  })
  expect(await table.verify('--columns', 'nothing')).toMatchObject({ code: 2, ...saying('has no column nothing') })
  expect(await table.verify('--copy-table', 'other')).toMatchObject({
    code: 2,
    ...saying('no copy in a table "other"'),
  })
  await table.owner.query('alter table customers rename to clients')
  expect(await table.verify()).toMatchObject({ code: 2, ...saying('no table customers') })
  expect(words).toContain('customers')
})
