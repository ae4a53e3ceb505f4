import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { playKills } from './kill-rounds.fixture.ts'

test('kill -9 of a server under three producers and three consumers', async () => {
  await playRounds('kill -9 of a server', (seed) => playKills(seed, { kills: 20, backlog: 100_000 }))
})
