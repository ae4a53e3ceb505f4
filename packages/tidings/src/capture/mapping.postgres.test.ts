import { expect, test } from 'vitest'
import { changeOf } from '../replica/change.ts'
import { allEvents, captureBench, crm, expectLatest, textOf } from './capture.fixture.ts'

/** A column of each type that has a form in JSON, a value of it as SQL, and what stands in the event. */
const values: Readonly<Record<string, readonly [type: string, value: string, json: string]>> = {
  bool: ['boolean', 'true', 'true'],
  small: ['smallint', '-32768', '-32768'],
  integer: ['integer', '2147483647', '2147483647'],
  big: ['bigint', '9223372036854775807', '9223372036854775807'],
  amount: [
    'numeric(40, 20)',
    '12345678901234567890.10000000000000000001',
    '"12345678901234567890.10000000000000000001"',
  ],
  nan: ['numeric', "'NaN'", '"NaN"'],
  real: ['real', '0.1', '0.1'],
  double: ['double precision', '1e300', '1e+300'],
  infinite: ['double precision', "'-Infinity'", '"-Infinity"'],
  document: ['json', `'{"b": 1,  "a": 9223372036854775807, "a": 2}'`, '{"b": 1,  "a": 9223372036854775807, "a": 2}'],
  binary_document: ['jsonb', `'{"b": 1, "a": [1.50]}'`, '{"a": [1.50], "b": 1}'],
  moment: ['timestamptz', "'2026-03-01 10:00:00.123456+01'", '"2026-03-01T09:00:00.123456Z"'],
  local: ['timestamp', "'2026-03-01 10:00:00'", '"2026-03-01T10:00:00"'],
  forever: ['timestamptz', "'infinity'", '"infinity"'],
  caesar: ['date', "'0044-03-15 BC'", '"0044-03-15 BC"'],
  day: ['date', "'2026-03-01'", '"2026-03-01"'],
  clock: ['time', "'10:00:00.5'", '"10:00:00.5"'],
  zoned: ['timetz', "'10:00+02'", '"10:00:00+02"'],
  span: ['interval', "'1 year 2 days 03:04:05'", '"P1Y2DT3H4M5S"'],
  bytes: ['bytea', "'\\x00ff10'", '"AP8Q"'],
  uuid: ['uuid', "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'],
  text: ['text', `E'say "x"\\n\\t\\u2028 😀'`, JSON.stringify('say "x"\n\t\u2028 😀')],
  padded: ['char(4)', "'ab'", '"ab  "'],
  mood: ['mood', "'good'", '"good"'],
  positive: ['positive', '7', '7'],
  name: ['name', "'n'", '"n"'],
  address: ['inet', "'10.0.0.1/8'", '"10.0.0.1/8"'],
  integers: ['bigint[]', "'{1,NULL,9223372036854775807}'", '[1,null,9223372036854775807]'],
  texts: ['text[]', `array['a,b', 'NULL', '"', null]`, '["a,b","NULL","\\"",null]'],
  table: ['integer[]', "'{{1,2},{3,4}}'", '[[1,2],[3,4]]'],
  documents: ['jsonb[]', `array['{"a": 1}', '"x"']::jsonb[]`, '[{"a": 1},"x"]'],
  moods: ['mood[]', "'{good,bad}'", '["good","bad"]'],
  moments: ['timestamptz[]', "array['2026-03-01 10:00:00+00'::timestamptz]", '["2026-03-01T10:00:00Z"]'],
  nothing: ['text', 'null', 'null'],
}

const columns = Object.entries(values).map(([name, [type]]) => `"${name}" ${type}`)
const types = "create type mood as enum ('good', 'bad'); create domain positive as integer check (value > 0)"
const tables = `${types}; create table customer (id integer primary key, ${columns.join(', ')})`
const row = (id: number): string =>
  `insert into customer values (${id}, ${Object.values(values)
    .map(([, value]) => value)
    .join(', ')})`
const json = (id: number): string =>
  `{"id":${id},${Object.entries(values)
    .map(([name, [, , text]]) => `"${name}":${text}`)
    .join(',')}}`

test('every value is in the event as it is in the row, whether it was listed or comes from the log', async (context) => {
  const { owner, broker, capture } = await captureBench(context, { tables })
  await owner.query(row(1))
  await capture().start()
  await expect.poll(async () => (await allEvents(broker)).length, { timeout: 20_000 }).toBe(1)
  await owner.query(row(2))
  await expect.poll(async () => (await allEvents(broker)).length, { timeout: 20_000 }).toBe(2)
  const events = await allEvents(broker)
  expect(events.map(({ event }) => textOf(event.data))).toEqual([json(1), json(2)])
})

test('settings of the server, the database and the role do not change the form of values', async (context) => {
  const { owner, broker, capture, role, url } = await captureBench(context, { tables })
  await owner.query(row(1))
  const database = new URL(url).pathname.slice(1)
  for (const [name, value] of [
    ['datestyle', 'SQL, DMY'],
    ['timezone', 'Asia/Kolkata'],
    ['intervalstyle', 'sql_standard'],
    ['extra_float_digits', '-10'],
    ['bytea_output', 'escape'],
  ]) {
    await owner.query(`alter role ${role} in database ${database} set ${name} to '${value}'`)
  }
  await capture().start()
  await expect.poll(async () => (await allEvents(broker)).length, { timeout: 20_000 }).toBe(1)
  await owner.query(row(2))
  await expect.poll(async () => (await allEvents(broker)).length, { timeout: 20_000 }).toBe(2)
  const events = await allEvents(broker)
  expect(events.map(({ event }) => textOf(event.data))).toEqual([json(1), json(2)])
})

test.for([
  ['a geometric type', 'spot point', /spot \(point\)/],
  ['a composite type', 'pair pair', /pair \(pair\)/],
  ['money', 'price money', /price \(money\)/],
  ['a range', 'period daterange', /period \(daterange\)/],
  ['a list of them', 'spots point[]', /spots \(_point\)/],
] as const)('start() refuses %s by the name of its column and type', async ([_what, column, message], context) => {
  const { capture } = await captureBench(context, {
    tables: `create type pair as (a integer, b integer); create table customer (id integer primary key, ${column})`,
  })
  await expect(capture().start()).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(message),
  })
  await capture({ columns: ['id'] }).start()
})

test('a table with two columns as its key has both in the key of its events', async (context) => {
  const { owner, broker, capture } = await captureBench(context, {
    tables: 'create table customer (country text, number integer, name text, primary key (number, country))',
  })
  await owner.query(`insert into customer values ('CH', 7, 'Ann'), ('a"b', 7, 'Bob')`)
  await capture().start()
  await expect.poll(async () => (await allEvents(broker)).length, { timeout: 20_000 }).toBe(2)
  await owner.query(`update customer set name = 'Anna' where country = 'CH'`)
  await owner.query(`delete from customer where name = 'Bob'`)
  const key = '["7","CH"]'
  await expectLatest(broker, { [key]: { id: key, country: 'CH', number: 7, name: 'Anna' } })
  const last = (await allEvents(broker)).at(-1)!.event
  expect([last.key, textOf(last.data)]).toEqual(['["7","a\\"b"]', '{"id":"[\\"7\\",\\"a\\\\\\"b\\"]"}'])
})

test.for([
  ['integer', '7'],
  ['numeric', '7.50'],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['text', 'Ann & Bob'],
  ['date', '2026-03-01'],
  ['timestamptz', '2026-03-01 10:00:00+00'],
  ['bytea', '\\x00ff'],
] as const)('a replica takes rows whose key is of the type %s', async ([type, value], context) => {
  const { owner, broker, capture } = await captureBench(context, {
    tables: `create table customer (id ${type} primary key)`,
  })
  await owner.query(`insert into customer values ('${value}')`)
  await capture().start()
  await expect.poll(async () => (await allEvents(broker)).length, { timeout: 20_000 }).toBe(1)
  await owner.query('delete from customer')
  await expectLatest(broker, {})
  const events = await allEvents(broker)
  const [created, deleted] = events.map((event) => changeOf(event, crm.customer))
  expect(created!.data).toBeDefined()
  expect(deleted).toMatchObject({ key: created!.key })
  expect(events.map(({ event }) => event.dataschema)).toEqual(events.map(({ event }) => `tidings:${event.type}/1`))
  expect(deleted!.version > created!.version).toBe(true)
})

test('only the columns that are named leave the owner', async (context) => {
  const { owner, broker, capture, role } = await captureBench(context, {
    tables:
      'create table customer (id bigint primary key, name text, secret text, length integer generated always as (length(name)) stored)',
  })
  // The right to read what it publishes is enough.
  await owner.query(`revoke select on customer from ${role}; grant select (id, name) on customer to ${role}`)
  await owner.query("insert into customer values (1, 'Ann', 'x')")
  await capture({ columns: ['name'] }).start()
  await owner.query("insert into customer values (9223372036854775807, 'Bob', 'y')")
  await expect.poll(async () => (await allEvents(broker)).length, { timeout: 20_000 }).toBe(2)
  expect((await allEvents(broker)).map(({ event }) => textOf(event.data))).toEqual([
    '{"id":1,"name":"Ann"}',
    '{"id":9223372036854775807,"name":"Bob"}',
  ])
})
