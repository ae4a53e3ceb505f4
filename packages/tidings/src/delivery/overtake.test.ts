import { expect, it } from 'vitest'
import { shardCounts } from './index.ts'
import { Bench, record } from './machine.fixture.ts'

it('overtaking counts what the filter wanted as skipped and what it did not as filtered, of what was not read yet', () => {
  const bench = new Bench()
  bench.filterBy({ types: ['wanted'] })
  const records = ['wanted', 'other', 'wanted', 'other', 'other'].map((type, index) => {
    const { event, ...rest } = record(index + 1, 'a')
    return { ...rest, event: { ...event, type } }
  })
  expect(bench.machine.overtaking.passOver(records, 5, [])).toBe(2)
  bench.commit()
  expect([bench.floor, shardCounts(bench.machine)]).toMatchObject([5, { skipped: 2, filtered: 3 }])
})
