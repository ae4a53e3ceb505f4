import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { playClock } from './set-clock.fixture.ts'

test('a clock that is set while events wait for their time', async () => {
  await playRounds('A clock that is set', (seed) => playClock(seed, { steps: 100 }))
})
