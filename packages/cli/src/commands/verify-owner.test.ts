import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { createService, defineContract, defineEntity } from 'tidings'
import { allowAll, createBroker } from 'tidings/broker'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { memoryEngine } from 'tidings/engines/memory'
import { ownedEntity, ownerHandler, serveOwner } from 'tidings/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'
import { progressText } from '../differences.ts'
import { runAtTerminal } from '../terminal.fixture.ts'

const secret = 'a secret of the crm and of sales'
const crm = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.string(), name: z.string() }) }),
})

let bench: Bench
let url: string
const ending: (() => PromiseLike<unknown>)[] = []
beforeAll(async () => {
  bench = await openBench()
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  const own = new Database(':memory:')
  own.exec('create table customers (id text primary key, name text)')
  const owner = createService({
    contract: crm,
    broker,
    database: sqliteDatabase({ client: own, allowVolatile: true }),
  })
  owner.owns(crm.customer, { table: 'customers' })
  const client = new Database(join(bench.folder, 'sales.db'))
  const sales = createService({
    contract: defineContract('sales', {}),
    broker,
    database: sqliteDatabase({ client }),
  })
  const customers = sales.replicate(crm.customer, { columns: ['name'] })
  await owner.start()
  await sales.start()
  await owner.transaction(async (tx) => {
    for (let id = 1; id <= 200; id++) {
      await tx.query('insert into customers values (?, ?)', [`c${id}`, `customer ${id}`])
      await tx.changed(crm.customer, `c${id}`)
    }
  })
  const complete = async () => customers.status().state === 'ready' && (await customers.all()).length === 200
  while (!(await complete())) await new Promise((resolve) => setTimeout(resolve, 10))
  const entities = [ownedEntity({ service: owner, entity: crm.customer })]
  const server = await serveOwner({ handler: ownerHandler({ secret, entities }), port: 0 })
  url = server.url
  await sales.stop()
  client.close()
  ending.push(
    () => server.stop(),
    () => owner.stop(),
    () => broker.stop(),
    () => bench[Symbol.asyncDispose](),
  )
})
afterAll(async () => {
  for (const end of ending) await end()
})

function verify(words: readonly string[], given: string | undefined = secret) {
  const copy = join(bench.folder, 'sales.db')
  const all = ['verify', '--owner', url, '--copy', copy, '--copy-table', 'crm_customer', ...words]
  return runAtTerminal(all, { variables: { TIDINGS_SECRET: given } })
}

test('verify asks the owner of a copy over HTTP, and goes on from a file', async () => {
  expect(await verify([])).toMatchObject({
    code: 0,
    stdout: 'equal: 200 rows in the source, 200 in the copy\n',
  })
  const client = new Database(join(bench.folder, 'sales.db'))
  client.exec(`update tidings_replica_guard set writable = 1; update crm_customer set name = 'Eve' where id = 'c7';
    update tidings_replica_guard set writable = 0`)
  client.close()
  const place = join(bench.folder, 'place.json')
  const progress = { version: 1, isAtEnd: true, source: 200, copy: 200, differences: 1, changing: 0, doubts: ['c7'] }
  writeFileSync(place, JSON.stringify(progress))
  const { code, stdout } = await verify(['--json', '--resume', place])
  expect([code, jsonLines(stdout)]).toMatchObject([
    4,
    [
      { key: 'c7', kind: 'different', confirmedBy: 'version', columns: [{ column: 'name', copy: '"Eve"' }] },
      { equal: false, source: 200, differences: 2 },
    ],
  ])
  expect(existsSync(place)).toBe(false)
  writeFileSync(place, '{}')
  expect(await verify(['--resume', place])).toMatchObject({ code: 2, stderr: expect.stringContaining('begin anew') })
  expect(readFileSync(place, 'utf8')).toBe('{}')
})

test('verify says what it lacks to ask an owner', async () => {
  expect(await verify([], 'another secret of 32 characters!')).toMatchObject({
    code: expect.toSatisfy((code) => code !== 0 && code !== 4),
    stderr: expect.stringContaining('both sides need the same secret'),
  })
  const saying = (text: string) => ({ code: 2, stderr: expect.stringContaining(text) })
  expect(await bench.tidings('verify', '--owner', url, '--copy', 'x.db', '--copy-table', 'x')).toMatchObject(
    saying('TIDINGS_SECRET'),
  )
  expect(await verify(['--source', 'postgres://localhost/x'])).toMatchObject(saying('not both'))
  expect(await bench.tidings('verify', '--source', 'postgres://localhost/x', '--copy', 'x.db')).toMatchObject(
    saying('--table'),
  )
})

test('progress has a bar where it is known how many rows there are', () => {
  const progress = { source: 430_000, copy: 430_001, doubts: 2 }
  expect(progressText(progress, 1_000_000)).toBe(
    '████████░░░░░░░░░░░░  43 %  430,000 rows of the source and 430,001 of the copy compared, 2 rows to look at again …',
  )
  expect(progressText(progress)).toMatch(/^430,000 rows/)
})
