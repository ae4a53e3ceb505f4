import Libsql from 'libsql'
import { expect, it, vi } from 'vitest'
import type { SqlValue } from '../database/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { mulberry32 } from '../testing/index.ts'
import { DatabaseRows } from './database-rows.ts'
import { compareKeys, isWithin } from './key-order.ts'
import { sqliteReader } from './sqlite-rows.ts'

/** With what it asks the database. */
async function readerOf(column: string, keys: readonly SqlValue[]) {
  const client = new Libsql(':memory:')
  client.exec(`create table thing (${column}, filler text)`)
  for (const key of keys) client.prepare(`insert into thing values (?, 'x')`).run(key)
  const database = sqliteDatabase({ client, allowVolatile: true })
  await database.start()
  const rows = new DatabaseRows({
    database,
    table: 'thing',
    keyColumn: 'id',
    keyValues: (key) => [key],
    read: (stored) => ({ key: String(stored['id']), data: stored }),
  })
  const asked = vi.spyOn(database, 'query')
  return { reader: await sqliteReader(rows, { key: 'id', columns: ['filler'] }), asked }
}

const random = mulberry32(3)
const integers = Array.from({ length: 200 }, () => BigInt(Math.floor(random() * 10 ** (1 + random() * 14))) - 1_000n)
const texts = Array.from(
  { length: 200 },
  (_, place) => ['', 'a', 'Ä', '7', '\u{1f600}', '-'][place % 6] + String(place * 7),
)

it.each<[string, readonly SqlValue[]]>([
  ['id integer primary key', integers],
  ['id text primary key', texts],
  ['id text collate nocase primary key', texts],
  ['id varchar(20) primary key', integers.map(String)],
  ['id primary key', [...integers, 'x', '7x', 1.5, -0.25, 1e300, 1e-9]],
])('a range of a table with %s has its rows once, and ends where it says', async (column, all) => {
  const keys = [...new Map(all.map((key) => [String(key), key])).values()]
  const { reader } = await readerOf(column, keys)
  const names = keys.map(String).toSorted(compareKeys)
  for (let round = 0; round < 40; round++) {
    const [after, upTo] = [random(), random()].map((at) => names[Math.floor(at * names.length)]!).toSorted(compareKeys)
    const range = { ...(round % 3 > 0 && { after: after! }), ...(round % 4 > 0 && { upTo: upTo! }) }
    const within = names.filter((name) => isWithin(name, range))
    const found: string[] = []
    for await (const page of reader.pages(range)) found.push(...page.map(({ key }) => key))
    expect(found.toSorted(compareKeys)).toEqual(within)
    const end = await reader.end(range, 10)
    if (end === undefined) continue
    // So many rows of one class lie before it, and at most as many of each of the others.
    const before = within.filter((name) => compareKeys(name, end) <= 0)
    expect(before.length).toBeGreaterThanOrEqual(10)
    expect(within).toContain(end)
  }
})

it.each<[string, readonly SqlValue[]]>([
  ['id integer primary key', Array.from({ length: 2_000 }, (_, place) => BigInt(place + 10_000))],
  ['id primary key', Array.from({ length: 2_000 }, (_, place) => `k${place + 1_000}`)],
  [
    'id text collate nocase primary key',
    Array.from({ length: 2_000 }, (_, place) => `${'kK'[place % 2]}${place + 1_000}`),
  ],
])(
  'pages of a table with %s come one after the other, each sought by one bound at either end',
  async (column, keys) => {
    const { reader, asked } = await readerOf(column, keys)
    asked.mockClear()
    const found: string[] = []
    const range = { after: String(keys[3]), upTo: String(keys[1_990]) }
    for await (const page of reader.pages(range)) found.push(...page.map(({ key }) => key))
    const within = keys.map(String).filter((key) => isWithin(key, range))
    expect(found.toSorted(compareKeys)).toEqual(within.toSorted(compareKeys))
    const conditions = asked.mock.calls.map(([text]) => text).filter((text) => text.includes(' > '))
    expect(conditions.length).toBeGreaterThan(1)
    for (const condition of conditions) expect(condition.match(/ >=? /g)).toHaveLength(1)
  },
)
