import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { playDuplicates } from './duplicates.fixture.ts'

test('a service that gets duplicates and dies at every step', async () => {
  await playRounds('Duplicates and crashes', (seed) => playDuplicates(seed, { events: 10_000, crashes: 500 }))
})
