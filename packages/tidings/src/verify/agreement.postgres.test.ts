import { afterEach, beforeEach, expect, test, vi, type TestContext } from 'vitest'
import type { Broker } from '../broker/index.ts'
import { ColumnTypes } from '../capture/column-types.ts'
import { read } from '../capture/session.ts'
import { inspectTable, selection } from '../capture/table.ts'
import { defineContract, defineEntity, type StandardSchemaV1 } from '../contract/index.ts'
import { replicaBench, type ReplicaBench } from '../replica/replica.fixture.ts'
import { onPostgres, onSqlite, type PostgresBench } from '../testing/databases.fixture.ts'
import { mulberry32 } from '../testing/index.ts'
import { openCopy } from './copy.ts'
import { compareKeys, isWithin } from './key-order.ts'
import { memorySide } from './rows-side.ts'
import type { Cut, KeyRange, Side } from './side.ts'
import { openTable } from './source.ts'

vi.setConfig({ testTimeout: 60_000 })

const anything: StandardSchemaV1<{ id: string }, { id: string }> = {
  '~standard': { version: 1, vendor: 'tidings', validate: (value) => ({ value: value as { id: string } }) },
}
const crm = defineContract('crm', { thing: defineEntity({ key: 'id', schema: anything }) })

/** Values of each type, as SQL has them. */
const values: Readonly<Record<string, readonly string[]>> = {
  boolean: ['true', 'false'],
  smallint: ['0', '-7', '32767'],
  integer: ['0', '-2147483648', '2147483647', '1000'],
  bigint: ['0', '9007199254740993', '-9223372036854775808', '9223372036854775807'],
  oid: ['0', '4294967295'],
  real: ['0', "'-0'", '0.1', '1e-10', '3.4e38', "'NaN'", "'Infinity'", '16777217'],
  'double precision': [
    '0',
    "'-0'",
    '0.1',
    '1e300',
    '1e-7',
    '5e-324',
    '1e20',
    '1.2345678901234567e21',
    "'NaN'",
    "'-Infinity'",
    '-12345.678',
  ],
  numeric: ['0', '1.50', '-12345678901234567890.123456789', "'NaN'", '1e30'],
  text: ["''", "'x'", `E'say "x"\\n\\t\\u2028 \\U0001F600 \\\\'`, "'7'", "'true'", "'null'", "repeat('ä', 5000)"],
  'varchar(20)': ["'a '", "''"],
  'char(5)': ["'ab'", "''"],
  name: ["'n'"],
  '"char"': ["'c'", "''"],
  bytea: ["''", "'\\x00ff'", "decode(repeat('ab', 200), 'hex')"],
  timestamptz: [
    "'2026-03-01 10:00:00.123456+01'",
    "'infinity'",
    "'0044-03-15 12:00+00 BC'",
    "'9999-12-31 23:59:59.999999+00'",
    "'10000-01-01 00:00+00'",
    "'0001-01-01 00:00+00'",
  ],
  timestamp: ["'2026-03-01 10:00:00.5'", "'-infinity'", "'0044-03-15 12:00 BC'", "'12345-01-01 00:00'"],
  date: ["'2026-03-01'", "'infinity'", "'0044-03-15 BC'"],
  time: ["'10:00'", "'24:00'", "'10:00:00.000001'"],
  timetz: ["'10:00+05:30'"],
  interval: ["'1 year 2 mons -3 days 04:05:06.7'", "'0'"],
  uuid: ["'00112233-4455-6677-8899-aabbccddeeff'"],
  inet: ["'10.0.0.1'", "'10.0.0.0/8'", "'::1'"],
  cidr: ["'10.0.0.0/8'"],
  macaddr: ["'08:00:2b:01:02:03'"],
  'bit(3)': ["B'101'"],
  'bit varying': ["B''", "B'1'"],
  xml: ["'<a>x</a>'"],
  mood: ["'fine'", "'so so'"],
  amount: ['1', '-9223372036854775808'],
}
/** What PostgreSQL cannot hash by itself. */
const unhashed: Readonly<Record<string, readonly string[]>> = {
  json: [`'{"b": [9007199254740993, 1.50], "a": null}'`, `' "x" '`, `'1e30'`],
  jsonb: [`'{"b": 1, "a": {"d": 1, "c": [true]}}'`, `'7'`],
  'integer[]': ["'{1,NULL,3}'", "'{}'"],
}

interface Bench {
  readonly postgres: PostgresBench
  readonly copies: readonly ReplicaBench[]
  readonly sides: Readonly<Record<string, Side>>
}

const benches: ReplicaBench[] = []
beforeEach(() => void benches.splice(0))
afterEach(() => Promise.all(benches.map((bench) => bench.stop())))

/** A table of PostgreSQL, and copies of its rows as a capture would publish them, everywhere where copies can be. */
async function bench(
  context: TestContext,
  options: { readonly table: string; readonly columns: readonly string[] },
): Promise<Bench> {
  const { columns } = options
  const [postgres, sqlite] = [await onPostgres(context), await onSqlite(context)]
  await postgres.pool.query(options.table)
  const copies = [await replicaBench(crm.thing, postgres), await replicaBench(crm.thing, sqlite)]
  benches.push(...copies)
  const events = await eventsOf(postgres, columns)
  for (const { broker } of copies) await publish(broker, events)
  const memory = await copies[1]!.start({ columns, name: 'in-memory', store: 'memory' })
  await copies[0]!.start({ columns })
  await copies[1]!.start({ columns })
  await postgres.environment.advance(5_000)
  await sqlite.environment.advance(5_000)
  return {
    postgres,
    copies,
    sides: {
      source: await openTable({ pool: postgres.pool, table: 'thing', key: 'id', columns }),
      postgres: await openCopy({ database: postgres.database, table: 'crm_thing' }),
      sqlite: await openCopy({ database: sqlite.database, table: 'crm_thing' }),
      memory: memorySide({ key: 'id', columns, rows: () => memory.all() }),
    },
  }
}

interface Published {
  readonly key: string
  readonly data: Uint8Array
}

/** What a capture publishes of each row. */
async function eventsOf({ pool }: PostgresBench, columns: readonly string[]): Promise<readonly Published[]> {
  const types = new ColumnTypes(pool)
  const table = await inspectTable({ pool, types, table: 'thing', columns, keyProperty: 'id' })
  const rows = await read(pool, (session) => session.rows(`select ${selection(table, 'r')} from ${table.name} r`))
  return rows.map((row) => {
    const key = table.form.key(row)!
    return { key, data: table.form.state(row, key) }
  })
}

async function publish(broker: Broker, rows: readonly Published[]): Promise<void> {
  const owner = { namespace: 'default', principal: 'crm' }
  for (let start = 0; start < rows.length; start += 200) {
    const events = rows.slice(start, start + 200).map(({ key, data }, place) => ({
      event: { id: `${start + place}`, source: 'crm', type: 'crm.thing.updated', key, data },
    }))
    await broker.publish(owner, { topic: 'crm.thing', events })
  }
}

/** What every side answers to the same question, which has to be the same. */
async function agreed<Answer>(sides: Bench['sides'], ask: (side: Side) => Promise<Answer>): Promise<Answer> {
  const answers = await Promise.all(Object.entries(sides).map(async ([name, side]) => [name, await ask(side)] as const))
  const [, first] = answers[0]!
  for (const answer of answers) expect(answer).toEqual([answer[0], first])
  return first
}

const all = (side: Side) => side.digests({}, { ends: [undefined] })

test('digests and hashes of rows of every type are the same from PostgreSQL, SQLite and memory', async (context) => {
  const random = mulberry32(20_260_301)
  const types = Object.keys(values)
  const pick = (type: string): string => {
    const some = values[type]!
    return random() < 0.15 ? 'null' : `(${some[Math.floor(random() * some.length)]})::${type}`
  }
  const rows = Array.from({ length: 300 }, (_, id) => `(${id * 37}, ${types.map(pick).join(', ')})`)
  const columns = types.map((_, place) => `c"${place}`)
  const { sides, postgres } = await bench(context, {
    columns,
    table: `create type mood as enum ('fine', 'so so'); create domain amount as bigint;
      create table thing (id bigint primary key, ${types.map((type, place) => `"c""${place}" ${type}`).join(', ')});
      insert into thing values ${rows.join(', ')}`,
  })
  const [whole] = await agreed(sides, all)
  expect(whole!.count).toBe(300)
  await agreed(sides, async (side) => (await side.hashes({}, 1_000)).rows)
  // Each value that is changed shows.
  let before = whole!.digest
  for (const column of columns) {
    const quoted = `"${column.replaceAll('"', '""')}"`
    const other = `(select ${quoted} from thing t where t.${quoted}::text is distinct from thing.${quoted}::text limit 1)`
    const { rowCount } = await postgres.pool.query(`update thing set ${quoted} = ${other} where id = 37`)
    const [changed] = await sides['source']!.digests({}, { ends: [undefined] })
    expect([column, rowCount, changed!.digest === before]).toEqual([column, 1, false])
    before = changed!.digest
  }
})

test('digests agree where PostgreSQL cannot hash a row, too', async (context) => {
  const types = Object.keys(unhashed)
  const rows = Array.from({ length: 30 }, (_, id) => {
    const some = types.map((type) => unhashed[type]![id % (unhashed[type]!.length + 1)] ?? 'null')
    return `('k${id}', ${some.join(', ')})`
  })
  const { sides } = await bench(context, {
    columns: types.map((_, place) => `c${place}`),
    table: `create table thing (id text primary key, ${types.map((type, place) => `c${place} ${type}`).join(', ')});
      insert into thing values ${rows.join(', ')}`,
  })
  await agreed(sides, all)
  await agreed(sides, (side) => side.digests({ after: 'k1' }, { ends: ['k15', 'k2', 'k29', undefined] }))
  await agreed(sides, async (side) => (await side.hashes({ after: 'k1', upTo: 'k3' }, 100)).rows)
})

const keys: readonly (readonly [type: string, expression: string])[] = [
  ['integer', 'n * 7 - 300'],
  [
    'bigint',
    'case when n % 3 = 0 then n else (n::bigint * n * n * n * 1000003) * (case when n % 2 = 0 then 1 else -1 end) end',
  ],
  ['uuid', 'md5(n::text)::uuid'],
  ['text', `case when n % 2 = 0 then n::text else chr(n % 60 + 60) || 'Ä' || n end`],
  ['text collate "und-x-icu"', `case when n % 2 = 0 then n::text else chr(n % 60 + 60) || 'Ä' || n end`],
  ['text collate "C"', `case when n % 2 = 0 then n::text else chr(n % 60 + 60) || 'Ä' || n end`],
  ['numeric', 'n * 1.5'],
  ['timestamptz', `'2026-01-01'::timestamptz + n * interval '7 hours'`],
  ['bytea', 'int4send(n * 77777)'],
]

test.for(keys)('ranges of keys of the type %s are the same on every side', async ([type, expression], context) => {
  const { sides } = await bench(context, {
    columns: ['name'],
    table: `create table thing (id ${type} primary key, name text);
      insert into thing select ${expression}, 'name ' || n from generate_series(1, 400) n`,
  })
  const { rows } = await agreed(sides, (side) => side.hashes({}, 10_000))
  const found = rows.map(({ key }) => key)
  expect(found).toEqual(found.toSorted(compareKeys))
  expect(found.length).toBe(400)
  const random = mulberry32(5)
  const some = () => found[Math.floor(random() * found.length)]!
  for (let round = 0; round < 20; round++) {
    const [after, upTo] = [some(), some()].toSorted(compareKeys)
    const range: KeyRange = { ...(random() < 0.8 && { after: after! }), ...(random() < 0.8 && { upTo: upTo! }) }
    const within = found.filter((key) => isWithin(key, range))
    const hashes = await agreed(sides, (side) => side.hashes(range, 10_000))
    expect(hashes.rows.map(({ key }) => key)).toEqual(within)
    const ends = [...new Set([some(), some(), some()])].toSorted(compareKeys).filter((key) => within.includes(key))
    const cut: Cut = { ends: [...ends, range.upTo] }
    const parts = await agreed(sides, (side) => side.digests(range, cut))
    expect(parts.reduce((sum, { count }) => sum + count, 0)).toBe(within.length)
    // A source takes a range apart into parts that have every row once.
    const own = await sides['source']!.digests(range, { rows: 40, parts: 5 })
    const again = await agreed(sides, (side) =>
      side.digests({ ...(range.after !== undefined && { after: range.after }) }, { ends: own.map(({ end }) => end) }),
    )
    expect(again).toEqual(own)
  }
})
