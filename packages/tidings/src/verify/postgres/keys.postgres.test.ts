import { expect, test, vi } from 'vitest'
import { onPostgres } from '../../testing/databases.fixture.ts'
import { canHash } from './digests.ts'
import { keyOfColumn, type Run } from './keys.ts'

vi.setConfig({ testTimeout: 60_000 })

test.for([
  ['integer', 'n'],
  ['bigint', 'n * 1000003::bigint'],
  ['uuid', 'md5(n::text)::uuid'],
  ['text collate "C"', `'customer ' || n`],
])(
  'a range of keys of the type %s is read from their index, and so is its end',
  async ([type, expression], context) => {
    const { pool } = await onPostgres(context)
    await pool.query(`create table thing (id ${type} primary key, filler text);
    insert into thing select ${expression}, repeat('x', 200) from generate_series(1, 50000) n;
    analyze thing`)
    const plans: string[] = []
    const run: Run = async (text, values) => {
      const plan = await pool.query({ text: `explain ${text}`, values: [...values], rowMode: 'array' })
      plans.push(plan.rows.flat().join('\n'))
      const { rows } = await pool.query({ text, values: [...values], rowMode: 'array' })
      return rows as (string | null)[][]
    }
    const key = await keyOfColumn(run, { table: 'thing', keyColumn: 'id' })
    plans.length = 0
    const middle = (await key.end(run, '"thing"', {}, 20_000))!
    const end = (await key.end(run, '"thing"', { after: middle }, 500))!
    const within = key.within({ after: middle, upTo: end }, (value) => `'${value}'`)
    const [row] = await run(`select count(*)::text from thing r where ${within}`, [])
    expect(Number(row![0])).toBeGreaterThanOrEqual(500)
    expect(Number(row![0])).toBeLessThan(1_500)
    for (const plan of plans) {
      expect(plan).toMatch(/Index/)
      expect(plan).not.toMatch(/Seq Scan/)
    }
  },
)

test('PostgreSQL is trusted with hashes where its hash is the one of this process', async (context) => {
  const { pool } = await onPostgres(context)
  const run: Run = async (text, values) => {
    const { rows } = await pool.query({ text, values: [...values], rowMode: 'array' })
    return rows as (string | null)[][]
  }
  expect(await canHash(run)).toBe(true)
  expect(await canHash((text, values) => run(text.replace('7::int8', '8::int8'), values))).toBe(false)
})
