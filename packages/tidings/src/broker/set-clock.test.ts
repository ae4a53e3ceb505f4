import { expect, test } from 'vitest'
import { playClock } from './set-clock.fixture.ts'

test.each([1, 2, 3])(
  'whichever way the clock is set, nothing is handed out early and nothing is stuck (seed %i)',
  async (seed) => {
    expect((await playClock(seed, { steps: 20 })).counts).toMatchObject({ early: 0, stuck: 0 })
  },
)
