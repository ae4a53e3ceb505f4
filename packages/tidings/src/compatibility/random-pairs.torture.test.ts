import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { playPair } from './random-pairs.fixture.ts'

test('verdicts on random pairs of schemas', async () => {
  await playRounds('Pairs of schemas', async (seed) => {
    const counts = { compatible: 0, incompatible: 0, undecided: 0, documents: 0, samples: 0 }
    for (let pair = 0; pair < 500; pair++) {
      const played = playPair(seed * 500 + pair)
      for (const [what, count] of Object.entries(played)) counts[what as keyof typeof counts] += count
    }
    return { counts }
  })
})
