import { expect, test } from 'vitest'
import { diskFaults, needsFaults, playDiskFault, type DiskFault } from './disk-faults.fixture.ts'

for (const fault of Object.keys(diskFaults) as DiskFault[]) {
  test(`after ${fault} nothing false is acknowledged and nothing acknowledged is lost`, async (context) => {
    needsFaults(context)
    for (const seed of [1, 2, 3])
      expect((await playDiskFault(fault, seed)).counts).toMatchObject({ points: 1, lost: 0 })
  })
}
