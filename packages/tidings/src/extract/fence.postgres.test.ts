import { expect, test } from 'vitest'
import { systemEnvironment } from '../environment/index.ts'
import { expectEqual, extractBench, inState } from './extract.fixture.ts'
import { follow } from './follow.ts'
import { loadSide, sideOf } from './side.ts'
import { inspectPairs } from './tables.ts'

const account = 'create table account (id integer primary key)'
const tables = [{ old: 'account', new: 'account' }]

test('a process that comes late, with a token or a place of the past, applies nothing', async (context) => {
  const bench = await extractBench(context, { before: account, after: account })
  const extraction = bench.extraction()
  await extraction.begin(tables)
  const stop = bench.follow(extraction)
  await inState(extraction, 'following')
  await stop()
  const { name } = (await extraction.status())!
  const sides = {
    old: sideOf(bench.old.place(), { role: 'old', name }),
    new: sideOf(bench.new.place(), { role: 'new', name }),
  }
  const before = (await loadSide(sides.new))!
  await bench.old.writers.query('insert into account values (1)')
  const late = async (options: { readonly token?: string; readonly position?: bigint }): Promise<never> =>
    follow({
      source: sides.old,
      target: sides.new,
      pairs: await inspectPairs(sides, tables),
      environment: systemEnvironment,
      token: before.guard!,
      position: before.position!,
      signal: new AbortController().signal,
      onFlowing: () => undefined,
      ...options,
    })
  await expect(late({ token: 'of the past' })).rejects.toThrow('Another process follows')
  await expect(late({ position: before.position! - 8n })).rejects.toThrow('Another process follows')
  expect((await bench.new.admin.query('select * from account')).rows).toEqual([])
  bench.follow(extraction)
  await expectEqual(bench, ['account'])
}, 60_000)

test('a guard holds for a session that replicates, and for a superuser', async (context) => {
  const bench = await extractBench(context, { before: account, after: account })
  await bench.extraction().begin(tables)
  const refused = 'is not written in this database yet'
  await expect(bench.new.admin.query('insert into account values (1)')).rejects.toThrow(refused)
  await expect(bench.new.admin.query('truncate account')).rejects.toThrow(refused)
  await expect(
    bench.new.admin.query(
      "begin; set local session_replication_role = 'replica'; insert into account values (1); commit",
    ),
  ).rejects.toThrow(refused)
  await bench.new.admin.query('rollback')
})
