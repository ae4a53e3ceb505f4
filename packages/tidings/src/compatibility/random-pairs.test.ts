import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { playPair } from './random-pairs.fixture.ts'

test('no document that is found contradicts a verdict, each witness and each sample is one', () => {
  const sums = { compatible: 0, incompatible: 0, undecided: 0 }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
      const pair = playPair(seed)
      for (const verdict of ['compatible', 'incompatible', 'undecided'] as const) sums[verdict] += pair[verdict]
    }),
    { numRuns: 250, seed: 1, endOnFailure: true },
  )
  // Who always doubts contradicts nobody.
  expect(sums.undecided).toBeLessThan(25)
  expect(sums.compatible).toBeGreaterThan(60)
  expect(sums.incompatible).toBeGreaterThan(90)
}, 120_000)
