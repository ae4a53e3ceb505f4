import { join } from 'node:path'
import Database from 'libsql'
import { connect, createService, defineContract, defineEntity, type Service } from 'tidings'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { ownerRoutes } from 'tidings/drift'
import { ownedEntity, ownerHandler, serveOwner, type OwnerServer } from 'tidings/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { jsonLines, openBench, type Bench, type Result } from '../command.fixture.ts'
import { runAtTerminal } from '../terminal.fixture.ts'

const secret = 'a secret of the crm and of sales'
const crm = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.string(), name: z.string() }) }),
})

let bench: Bench
let owner: Service<'crm'>
let sales: Service<'sales'>
let server: OwnerServer
let own: Database.Database
let copies: Database.Database
let names: () => Promise<readonly string[]>

beforeAll(async () => {
  bench = await openBench()
  own = new Database(':memory:')
  own.exec('create table customers (id text primary key, name text)')
  const broker = connect(bench.server.url)
  const database = sqliteDatabase({ client: own, allowVolatile: true })
  owner = createService({ contract: crm, broker, database })
  owner.owns(crm.customer, { table: 'customers' })
  copies = new Database(join(bench.folder, 'sales.db'))
  copies.exec('pragma journal_mode = wal')
  sales = createService({
    contract: defineContract('sales', {}),
    broker: connect(bench.server.url),
    database: sqliteDatabase({ client: copies }),
  })
  const customers = sales.replicate(crm.customer, { columns: ['name'] })
  await owner.start()
  await sales.start()
  await owner.transaction(async (tx) => {
    for (const id of ['c1', 'c2', 'c3']) {
      await tx.query('insert into customers values (?, ?)', [id, `customer ${id}`])
      await tx.changed(crm.customer, id)
    }
  })
  names = async () =>
    customers.status().state === 'ready' ? (await customers.all()).map(({ name }) => name).sort() : []
  await until(async () => (await names()).length === 3)
  const entities = [ownedEntity({ service: owner, entity: crm.customer })]
  const routes = ownerRoutes([owner.owner(crm.customer)])
  server = await serveOwner({ handler: ownerHandler({ secret, entities, routes }), port: 0 })
})
afterAll(async () => {
  await server.stop()
  await owner.stop()
  await sales.stop()
  await bench[Symbol.asyncDispose]()
})

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10))
}

function verify(...words: readonly string[]): Promise<Result> {
  const copy = ['--copy', join(bench.folder, 'sales.db'), '--copy-table', 'crm_customer', '--patience', '0.2']
  const variables = { TIDINGS_SECRET: secret, TIDINGS_URL: bench.server.url, HOME: bench.folder }
  return runAtTerminal(['verify', '--owner', server.url, ...copy, ...words], { variables })
}

/** Somebody writes around the owner's service, and around the guard of the copy. */
function doDamage(): void {
  own.exec(`update customers set name = 'Anna' where id = 'c1'`)
  copies.exec(`update tidings_replica_guard set writable = 1; update crm_customer set name = 'Eve' where id = 'c2';
    update tidings_replica_guard set writable = 0`)
}

test('verify --explain says why, hop by hop', async () => {
  doDamage()
  const { code, stdout } = await verify('--explain')
  expect(code).toBe(4)
  expect(stdout).toMatch(/^c1 {2}never-published: Its row is not what was published last/m)
  expect(stdout).toMatch(
    /^ {2}owner {9}has the row, version 1 was given last\n {2}outbox {8}nothing waits\n {2}topic {9}its state in version 1 at /m,
  )
  expect(stdout).toMatch(/^c2 {2}written-locally: /m)
  expect(stdout).toMatch(/^ {2}copy {10}has a row of version 1\n {2}mend {10}Have the owner publish it again\.$/m)
})

test('verify --repair --dry-run only says what it would do', async () => {
  const { code, stdout } = await verify('--repair', '--dry-run', '--json')
  expect(code).toBe(4)
  expect(jsonLines(stdout).filter((line) => line['repaired'] === false)).toEqual([
    { key: 'c1', kind: 'never-published', action: 'publish-again', repaired: false },
    { key: 'c2', kind: 'written-locally', action: 'publish-again', repaired: false },
  ])
  expect(await names()).toEqual(['Eve', 'customer c1', 'customer c3'])
})

test('verify --repair asks before, mends, and leaves it in the audit', async () => {
  const unasked = await verify('--repair')
  expect(unasked.code).toBe(2)
  expect(unasked.stderr).toContain('This has 2 rows published again by the owner. Say --yes')
  const { code, stdout } = await verify('--repair', '--yes')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^c1 {2}published again in version 2\nc2 {2}published again in version 2$/m)
  await until(async () => (await names()).join() === 'Anna,customer c2,customer c3')
  expect(await verify()).toMatchObject({ code: 0 })
  const { stdout: audit } = await bench.tidings('audit')
  expect(audit).toMatch(/"action":"repair","subject":"crm\.customer".*"key":"c2","cause":"written-locally"/)
})

test('verify --repair leaves what mends itself', async () => {
  own.exec(`delete from customers where id = 'c3'`)
  await bench.broker.pause(bench.caller, 'sales.replica.crm.customer.1')
  await owner.owner(crm.customer).publishAgain([{ key: 'c3' }])
  await until(async () => (await owner.stats()).outbox.pending === 0)
  const { code, stdout } = await verify('--repair', '--yes')
  expect(code).toBe(4)
  expect(stdout).toMatch(/^c3 {2}not-delivered: /m)
  expect(stdout).toMatch(/^c3 {2}left: Resume the subscription\.$/m)
  await bench.broker.resume(bench.caller, 'sales.replica.crm.customer.1')
})

function trace(...words: readonly string[]): Promise<Result> {
  const variables = { TIDINGS_SECRET: secret, TIDINGS_URL: bench.server.url, HOME: bench.folder }
  return runAtTerminal(['trace', 'crm.customer', ...words], { variables })
}

test('trace goes from the row of the owner to each copy, with what waits in between', async () => {
  const copy = ['--copy', join(bench.folder, 'sales.db')]
  const whole = await trace('c1', '--owner', server.url, ...copy, ...copy)
  expect(whole).toMatchObject({ code: 0, stderr: '' })
  const [none, instant] = [' {24}', String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`]
  const lines = [
    `${none}  owner      has the row, version 2 was given last`,
    ...['created  version 1', 'updated  version 2'].flatMap((what) => [
      `${instant}  committed  crm\\.customer\\.${what}`,
      `${instant}  stored     \\S+`,
      `${none}  settled    sales\\.replica\\.crm\\.customer\\.1: .*`,
    ]),
    ...['', ''].map(() => `${none}  copy       sales\\.replica\\.crm\\.customer\\.1: has a row of version 2`),
  ]
  expect(whole.stdout).toMatch(new RegExp(`^${lines.join('\n')}\n$`))
  const json = await trace('c3', '--owner', server.url, ...copy, '--json')
  expect(jsonLines(json.stdout)).toMatchObject([
    {
      owner: { isPresent: false, unsent: [], held: [] },
      events: [{ event: { type: 'crm.customer.deleted' } }, { event: { type: 'crm.customer.created' } }],
      copies: [
        {
          subscription: 'sales.replica.crm.customer.1',
          isPresent: false,
          deletedVersion: { sequence: expect.stringMatching(/2$/) },
        },
      ],
    },
  ])
})

test('trace refuses a copy of something else', async () => {
  const copy = ['--copy', join(bench.folder, 'sales.db'), '--copy-table', 'crm_customer']
  const { code, stderr } = await runAtTerminal(['trace', 'crm.other', 'c1', ...copy], {
    variables: { TIDINGS_URL: bench.server.url, HOME: bench.folder },
  })
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is a copy of crm.customer, not of crm.other'),
  })
})

test('verify --dry-run wants a repair', async () => {
  const words = ['verify', '--source', 'postgres://x@localhost/x', '--table', 't', '--copy', 'x.db']
  const dry = await runAtTerminal([...words, '--dry-run'], { variables: {} })
  expect(dry).toMatchObject({ code: 2, stderr: expect.stringContaining('--repair') })
})
