import { playRounds, type RoundFigures } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { diskFaults, needsFaults, playDiskFault, type DiskFault } from './disk-faults.fixture.ts'

test('a disk that fails at one call after the other', async (context) => {
  needsFaults(context)
  await playRounds('A disk that fails', async (seed) => {
    const counts: Record<string, number> = {}
    for (const fault of Object.keys(diskFaults) as DiskFault[]) {
      const figures: RoundFigures = await playDiskFault(fault, seed)
      for (const [what, count] of Object.entries(figures.counts)) counts[`${fault}: ${what}`] = count
    }
    return { counts }
  })
})
