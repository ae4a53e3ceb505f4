import { expect, test, vi, type TestContext } from 'vitest'
import { z } from 'zod'
import { allowAll, createBroker } from '../../broker/index.ts'
import { defineContract, defineEntity } from '../../contract/index.ts'
import { memoryEngine } from '../../engines/memory/index.ts'
import { createService } from '../../service/index.ts'
import { onPostgres } from '../../testing/databases.fixture.ts'
import { compare } from '../compare.ts'
import type { Difference } from '../difference.ts'
import { ownedEntity } from '../owned.ts'
import { memorySide } from '../rows-side.ts'
import type { Side } from '../side.ts'
import { ownerHandler } from './handler.ts'
import { openOwner } from './owner.ts'
import { serveOwner } from './serve.ts'

vi.setConfig({ testTimeout: 120_000 })

const secret = 'a secret of at least 32 characters'
const rows = 3_000
const crm = defineContract('crm', {
  thing: defineEntity({ key: 'id', schema: z.object({ id: z.number(), name: z.string() }) }),
})

/** An owner whose database takes a minute for the name of each row, as long as `mood` says so. */
async function slowOwner(context: TestContext, limitMs: number) {
  const { pool, database } = await onPostgres(context)
  await pool.query(`create table mood (slow boolean); insert into mood values (true);
    create table written (id integer primary key, name text);
    insert into written select n, 'name ' || n from generate_series(1, ${rows}) n;
    create function told(name text) returns text language plpgsql stable as $$
      begin if (select slow from mood) then perform pg_sleep(60); end if; return name; end $$;
    create view thing as select id, told(name) as name from written`)
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  const service = createService({ contract: crm, broker, database })
  service.owns(crm.thing, { table: 'thing' })
  await service.start()
  const entities = [ownedEntity({ service, entity: crm.thing, asStored: true, limitMs })]
  const server = await serveOwner({ handler: ownerHandler({ secret, entities }), port: 0 })
  context.onTestFinished(async () => {
    for (const each of [server, service, broker]) await each.stop()
  })
  const source = await openOwner({ url: server.url, secret, topic: crm.thing.topic })
  return { source, setSlow: (slow: boolean) => pool.query('update mood set slow = $1', [slow]) }
}

test('an owner ends a statement that takes too long, and is asked for less, down to the rows that differ', async (context) => {
  const { source, setSlow } = await slowOwner(context, 3_000)
  const cuts: { readonly rows: number; readonly parts: number; readonly refused: unknown }[] = []
  const watched: Side = {
    hashes: (range, limit) => source.hashes(range, limit),
    find: (keys) => source.find(keys),
    async digests(range, cut) {
      if (!('rows' in cut)) throw new Error('a source is asked by rows')
      // Once while the next rows are asked for, once while a range is taken apart.
      const isFirst = !cuts.some(({ parts }) => parts > 1 === cut.parts > 1)
      await setSlow(isFirst)
      const asked = source.digests(range, cut)
      const refused: unknown = await asked.then(
        () => undefined,
        (error: unknown) => error,
      )
      cuts.push({ ...cut, refused })
      return asked
    },
  }
  const names = Array.from({ length: rows }, (_, place) => ({ id: place + 1, name: `name ${place + 1}` }))
  names[700] = { id: 701, name: 'Eve' }
  const copy = memorySide({ key: 'id', columns: ['name'], rows: () => names })
  const found: Difference[] = []
  const onDifference = (each: Difference) => found.push(each)
  const outcome = await compare({ source: watched, copy, patienceMs: 0, onDifference })
  expect(outcome).toMatchObject({ source: rows, copy: rows, differences: 1 })
  expect(found).toMatchObject([{ key: '701', kind: 'different' }])
  const error: unknown = expect.objectContaining({ code: 'range-too-large', retryable: false })
  expect(cuts.slice(0, 2)).toEqual([
    { rows: 5_000, parts: 1, refused: error },
    { rows: 2_500, parts: 1, refused: undefined },
  ])
  const [apart, half] = cuts.slice(cuts.findIndex(({ parts }) => parts > 1))
  expect(apart).toMatchObject({ refused: error })
  expect(half).toEqual({ rows: Math.ceil((apart!.rows * apart!.parts) / 2), parts: 1, refused: undefined })
})

test('a comparison ends with what to do where even few rows take the owner too long', async (context) => {
  const { source } = await slowOwner(context, 100)
  const copy = memorySide({ key: 'id', columns: ['name'], rows: () => [] })
  const comparing = compare({ source, copy, onDifference: () => undefined })
  await expect(comparing).rejects.toThrow('take longer than 100 ms. Ask for fewer rows; where')
})
