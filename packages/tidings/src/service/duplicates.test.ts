import { expect, test } from 'vitest'
import { playDuplicates } from './duplicates.fixture.ts'

test.each([1, 2, 3, 4])(
  'duplicates, crashes at every step and seeks leave one effect of each event (seed %i)',
  async (seed) => {
    const { counts } = await playDuplicates(seed, { events: 200, crashes: 20 })
    expect(counts).toMatchObject({ effects: 200, missed: 0, twice: 0 })
  },
)
