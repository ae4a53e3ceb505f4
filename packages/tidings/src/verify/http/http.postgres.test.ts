import { openPool, postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import type { Pool } from 'pg'
import { expect, test, vi, type TestContext } from 'vitest'
import { z } from 'zod'
import { allowAll, createBroker } from '../../broker/index.ts'
import { defineContract, defineEntity } from '../../contract/index.ts'
import { postgresDatabase } from '../../databases/postgres/index.ts'
import { memoryEngine } from '../../engines/memory/index.ts'
import { createService } from '../../service/index.ts'
import { compare } from '../compare.ts'
import { openCopy } from '../copy.ts'
import type { Difference } from '../difference.ts'
import { capturedEntity, ownedEntity } from '../owned.ts'
import { settlingByBroker } from '../settling.ts'
import { ownerHandler } from './handler.ts'
import { openOwner } from './owner.ts'
import { serveOwner } from './serve.ts'

vi.setConfig({ testTimeout: 90_000 })

const secret = 'a secret of at least 32 characters'
const crm = defineContract('crm', {
  account: defineEntity({
    key: 'id',
    schema: z.object({ id: z.number(), balance: z.number(), ratio: z.number(), note: z.string().nullable() }),
  }),
})

/** A service with accounts in one database of PostgreSQL, and a copy of them in another, in real time. */
async function twoTeams(context: TestContext) {
  const open = async (): Promise<Pool> => {
    const { url } = await emptyDatabase(context)
    const pool = openPool({ connectionString: url })
    context.onTestFinished(() => pool.end())
    return pool
  }
  const [own, others] = [await open(), await open()]
  await own.query(`create table account (id integer primary key, balance integer, ratio double precision, note text)`)
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  const ownDatabase = postgresDatabase({ pool: own })
  const owner = createService({ contract: crm, broker, database: ownDatabase })
  owner.owns(crm.account, { table: 'account' })
  const database = postgresDatabase({ pool: others })
  const sales = createService({ contract: defineContract('sales', {}), broker, database })
  const copy = sales.replicate(crm.account, { columns: ['balance', 'ratio', 'note'] })
  for (const each of [ownDatabase, database, owner, sales]) await each.start()
  context.onTestFinished(async () => {
    for (const each of [sales, owner, broker]) await each.stop()
  })
  const write = (from: number, to: number, balance: number) =>
    owner.transaction(async (tx) => {
      for (let id = from; id < to; id++) {
        await tx.query(
          `insert into account values ($1, $2, $2::integer / 7.0, case when $1 % 3 = 0 then null else 'note ' || $1 end)
           on conflict (id) do update set balance = excluded.balance`,
          [id, balance],
        )
        await tx.changed(crm.account, id)
      }
    })
  for (let from = 0; from < 3_000; from += 500) await write(from, from + 500, from)
  await vi.waitFor(async () => expect((await copy.all()).length).toBe(3_000), { timeout: 60_000, interval: 100 })
  return { own, others, owner, broker, database, write }
}

const damage = `begin; select set_config('tidings.replica_writable', 'on', true);
    update crm_account set balance = '-1' where id = '7'; update crm_account set note = null where id = '8';
    delete from crm_account where id = '2999'; delete from crm_account where id = '0';
    insert into crm_account (id, tidings_version) values ('3000', ''), ('-5', ''), ('x', ''), ('07', ''); commit`
const damaged = [
  '-5 only-in-copy',
  '0 missing-in-copy',
  '07 only-in-copy',
  '2999 missing-in-copy',
  '3000 only-in-copy',
  '7 different',
  '8 different',
  'x only-in-copy',
]

test('a copy in PostgreSQL is proven over HTTP while it is written, and what is damaged is found', async (context) => {
  const { own, others, owner, broker, database, write } = await twoTeams(context)
  const entities = [
    ownedEntity({ service: owner, entity: crm.account }),
    capturedEntity({
      pool: own,
      table: 'account',
      entity: { topic: 'captured', key: 'id' },
      columns: ['balance', 'ratio', 'note'],
    }),
  ]
  const failures: unknown[] = []
  const handler = ownerHandler({ secret, entities, onError: (error) => failures.push(error) })
  const server = await serveOwner({ handler, port: 0 })
  context.onTestFinished(() => server.stop())
  const prove = async (topic: string) => {
    const copy = await openCopy({ database, table: 'crm_account' })
    const source = await openOwner({ url: server.url, secret, topic, columns: copy.columns })
    const found: Difference[] = []
    const settling = settlingByBroker({
      broker,
      caller: { namespace: 'default', principal: 'sales' },
      subscription: copy.subscription,
      isPublished: async () => {
        const { pending, held } = (await owner.stats()).outbox
        return pending + held === 0
      },
    })
    const onDifference = (each: Difference) => found.push(each)
    return { ...(await compare({ source, copy, settling, onDifference })), found }
  }
  let isOver = false
  const writing = (async () => {
    for (let round = 1; !isOver; round++) await write((round * 37) % 3_000, ((round * 37) % 3_000) + 5, round)
  })()
  // A test that fails ends the service under it.
  writing.catch(() => undefined)
  for (const topic of ['crm.account', 'captured']) {
    expect([topic, await prove(topic)]).toMatchObject([topic, { differences: 0, changing: 0, found: [] }])
  }
  isOver = true
  await writing
  await others.query(damage)
  for (const topic of ['crm.account', 'captured']) {
    const { found } = await prove(topic)
    expect(found.map(({ key, kind }) => `${key} ${kind}`).toSorted()).toEqual(damaged)
    expect(new Set(found.map(({ confirmedBy }) => confirmedBy))).toEqual(
      new Set(topic === 'captured' ? ['arrival'] : ['version', 'arrival']),
    )
  }
  expect(failures).toEqual([])
})
