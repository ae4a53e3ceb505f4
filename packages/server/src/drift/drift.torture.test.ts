import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { playFaults } from './rounds.fixture.ts'

test('a thousand faults in a million rows while others write', async (context) => {
  await playRounds('faults of copies', async (seed) => {
    // What two cores hold that owner, broker, three copies and verifier share; with more the copies fall behind.
    const size = { rows: 1_000_000, faultsOfEach: 46, writesPerSecond: 150 }
    const { done, found, written, passMs, repairMs } = await playFaults(context, { seed, ...size })
    return { counts: { done, found, ...written }, timesMs: { 'full pass': passMs, repair: repairMs } }
  })
})
