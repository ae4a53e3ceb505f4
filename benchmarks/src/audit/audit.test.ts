import { notRun } from '@tidings/tools/not-run'
import { expect, test } from 'vitest'
import { inFolder } from '../house/folder.ts'
import type { Table } from '../house/table.ts'
import { failedIn, markFailed } from './audit.ts'
import { killAgainAndAgain } from './kills.ts'
import { countSyncs, missingStrace, syncsIn } from './syncs.ts'

const timeout = 120_000

test(
  'a broker over the embedded engine has every publish on the disk before it answers',
  { timeout },
  async (context) => {
    const reason = missingStrace()
    if (reason !== undefined) notRun(context, { part: 'strace', reason })
    const syncs = await inFolder((folder) => countSyncs('tidings-embedded', folder, 100))
    expect(syncs).toBeGreaterThanOrEqual(100)
  },
)

test('nothing that it acknowledged is missing after it was killed', { timeout }, async () => {
  const report = await inFolder((folder) => killAgainAndAgain('tidings-embedded', folder, 2))
  expect(report).toEqual({ kills: 2, acknowledged: expect.any(Number) as number, missing: 0 })
  expect(report.acknowledged).toBeGreaterThan(1)
})

test('syncsIn() adds fsync and fdatasync of a report of strace', () => {
  const report =
    ' calls syscall\n------- ----------\n   1003 fdatasync\n     12 fsync\n------- ----------\n   1015 total\n'
  expect(syncsIn(report)).toBe(1_015)
})

const tableOf = (...rows: Table['rows']): readonly Table[] => [{ title: 'any', columns: [], rows }]

test('a system that did not keep its class is marked in every table', () => {
  const audited = tableOf(
    { name: 'one', values: [], bars: [{ promise: 'D', isMet: true }] },
    { name: 'two', values: [], bars: [{ promise: 'D', isMet: false }] },
    { name: 'three', notMeasured: 'it ended' },
  )
  const failed = failedIn(audited)
  expect([...failed]).toEqual(['two', 'three'])
  const [marked] = markFailed(tableOf({ name: 'one' }, { name: 'two (D)', remark: '3 duplicated' }), failed)
  expect(marked!.rows).toEqual([{ name: 'one' }, { name: 'two (D)', remark: 'failed its audit; 3 duplicated' }])
})
