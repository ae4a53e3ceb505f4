import { postgresDatabase } from '@tidings/tools/postgres'
import { Pool } from 'pg'
import { expect, test, type TestContext } from 'vitest'
import { decodeMessage, type LogMessage } from './pgoutput.ts'

interface LogBench {
  readonly pool: Pool
  /** What the log says about the tables since the last call. */
  messages(): Promise<readonly LogMessage[]>
}

async function logBench(context: TestContext, tables: string): Promise<LogBench> {
  const { url } = await postgresDatabase(context)
  const pool = new Pool({ connectionString: url })
  context.onTestFinished(() => pool.end())
  await pool.query(`${tables}; create publication everything for all tables`)
  await pool.query("select pg_create_logical_replication_slot('decoding_' || pg_backend_pid(), 'pgoutput')")
  const { rows } = await pool.query<{ slot: string }>(
    'select slot_name as slot from pg_replication_slots where database = current_database()',
  )
  const { slot } = rows[0]!
  context.onTestFinished(async () => void (await pool.query('select pg_drop_replication_slot($1)', [slot])))
  return {
    pool,
    async messages() {
      const changes = await pool.query<{ data: Buffer }>(
        `select data from pg_logical_slot_get_binary_changes($1, null, null,
           'proto_version', '1', 'publication_names', 'everything', 'messages', 'true')`,
        [slot],
      )
      return changes.rows.map(({ data }) => decodeMessage(data)!)
    },
  }
}

const kinds = (messages: readonly LogMessage[]): string[] => messages.map(({ kind }) => kind)
const without = (messages: readonly LogMessage[], ...left: string[]): LogMessage[] =>
  messages.filter(({ kind }) => !left.includes(kind))

test('a transaction has its number, its commit and its end around its changes', async (context) => {
  const { pool, messages } = await logBench(context, 'create table entry (id integer primary key, name text)')
  const client = await pool.connect()
  await client.query('begin')
  const { rows } = await client.query<{ xid: string }>('select pg_current_xact_id()::text as xid')
  await client.query("insert into entry values (1, 'Ann'), (-2, null)")
  const before = Date.now()
  await client.query('commit')
  client.release()
  const found = await messages()
  expect(kinds(found)).toEqual(['begin', 'relation', 'insert', 'insert', 'commit'])
  const [begin, relation, first, second, commit] = found as [LogMessage, LogMessage, LogMessage, LogMessage, LogMessage]
  expect(begin).toMatchObject({ xid: Number(rows[0]!.xid) })
  expect(relation).toMatchObject({
    schema: 'public',
    table: 'entry',
    columns: [
      { name: 'id', type: 23, identity: true },
      { name: 'name', type: 25, identity: false },
    ],
  })
  expect([first, second]).toMatchObject([{ row: ['1', 'Ann'] }, { row: ['-2', null] }])
  if (begin.kind !== 'begin' || commit.kind !== 'commit') throw new Error('Another order.')
  expect(begin.commit).toBe(commit.commit)
  expect(commit.end).toBeGreaterThan(commit.commit)
  expect(Math.abs(begin.committedAt - before)).toBeLessThan(60_000)
})

test('an update has the old key where it changed, a delete the key', async (context) => {
  const { pool, messages } = await logBench(context, 'create table entry (id integer primary key, name text)')
  await pool.query("insert into entry values (1, 'Ann')")
  await pool.query("update entry set name = 'Anna'")
  await pool.query('update entry set id = 2')
  await pool.query('delete from entry')
  expect(without(await messages(), 'begin', 'commit', 'relation', 'insert')).toMatchObject([
    { kind: 'update', old: undefined, row: ['1', 'Anna'] },
    { kind: 'update', old: { complete: false, row: ['1', null] }, row: ['2', 'Anna'] },
    { kind: 'delete', old: { complete: false, row: ['2', null] } },
  ])
})

test('under replica identity full, updates and deletes have the whole row before', async (context) => {
  const table = 'create table entry (id integer primary key, name text); alter table entry replica identity full'
  const { pool, messages } = await logBench(context, table)
  await pool.query("insert into entry values (1, 'Ann')")
  await pool.query("update entry set name = 'Anna'")
  await pool.query('delete from entry')
  expect(without(await messages(), 'begin', 'commit', 'relation', 'insert')).toMatchObject([
    { kind: 'update', old: { complete: true, row: ['1', 'Ann'] }, row: ['1', 'Anna'] },
    { kind: 'delete', old: { complete: true, row: ['1', 'Anna'] } },
  ])
})

test('a value that is stored apart and does not change is not there', async (context) => {
  const table = 'create table entry (id integer primary key, name text, long text)'
  const { pool, messages } = await logBench(context, `${table}; alter table entry alter long set storage external`)
  await pool.query("insert into entry values (1, 'Ann', repeat('x', 10000))")
  await pool.query("update entry set name = 'Anna'")
  expect(without(await messages(), 'begin', 'commit', 'relation')).toMatchObject([
    { kind: 'insert', row: ['1', 'Ann', 'x'.repeat(10_000)] },
    { kind: 'update', row: ['1', 'Anna', undefined] },
  ])
})

test('truncated tables, notes, types and origins are read', async (context) => {
  const { pool, messages } = await logBench(
    context,
    "create type mood as enum ('good'); create table entry (id integer primary key, mood mood); create table other (id integer primary key)",
  )
  await pool.query("insert into entry values (1, 'good')")
  await pool.query('truncate entry, other')
  await pool.query(
    "select pg_logical_emit_message(true, 'tidings.a', 'Grüße'), pg_logical_emit_message(false, 'b', '')",
  )
  const origin = `elsewhere_${process.pid}`
  await pool.query(`select pg_replication_origin_create('${origin}')`)
  context.onTestFinished(async () => void (await pool.query(`select pg_replication_origin_drop('${origin}')`)))
  const client = await pool.connect()
  await client.query(`select pg_replication_origin_session_setup('${origin}')`)
  await client.query('insert into other values (7)')
  await client.query('select pg_replication_origin_session_reset()')
  client.release()
  const found = await messages()
  const oids = found.flatMap((message) => (message.kind === 'relation' ? [message.oid] : []))
  expect(without(found, 'begin', 'commit', 'relation')).toMatchObject([
    { kind: 'type', schema: 'public', name: 'mood' },
    { kind: 'insert', row: ['1', 'good'] },
    { kind: 'type', name: 'mood' },
    { kind: 'truncate', relations: [...new Set(oids)] },
    { kind: 'message', transactional: false, prefix: 'b', content: '' },
    { kind: 'message', transactional: true, prefix: 'tidings.a', content: 'Grüße' },
    { kind: 'origin', name: origin },
    { kind: 'insert', row: ['7'] },
  ])
})

test('a message that is cut short is refused, and one of an unknown kind is none', () => {
  const whole = Buffer.concat([Buffer.from('I'), Buffer.from([0, 0, 0, 9]), Buffer.from('N'), Buffer.from([0, 1])])
  const value = Buffer.concat([Buffer.from('t'), Buffer.from([0, 0, 0, 3]), Buffer.from('Ann')])
  expect(decodeMessage(Buffer.concat([whole, value]))).toEqual({ kind: 'insert', relation: 9, row: ['Ann'] })
  for (let length = 1; length < whole.length + value.length; length++) {
    expect(() => decodeMessage(Buffer.concat([whole, value]).subarray(0, length)), `${length} bytes`).toThrow(
      RangeError,
    )
  }
  expect(decodeMessage(Buffer.from('S'))).toBeUndefined()
})
