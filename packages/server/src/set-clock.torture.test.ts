import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { clockLibrary, playServerClock } from './set-clock.fixture.ts'

test('a server whose clock is set', async (context) => {
  const library = clockLibrary(context)
  await playRounds('The clock of a server that is set', async () => {
    const handled = await playServerClock(library, { turns: 3 })
    return { counts: { turns: 3, handled, early: 0, stuck: 0 } }
  })
})
