import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { playFaults } from './rounds.fixture.ts'

test('a thousand faults in a million rows under 500 writes a second', async (context) => {
  await playRounds('faults of copies', async (seed) => {
    const size = { rows: 1_000_000, faultsOfEach: 46, writesPerSecond: 500 }
    const { done, found, written, passMs, repairMs } = await playFaults(context, { seed, ...size })
    return { counts: { done, found, ...written }, timesMs: { 'full pass': passMs, repair: repairMs } }
  })
})
