import { expect, it } from 'vitest'
import { playKills } from './kill-rounds.fixture.ts'

it(
  'after kill -9 under producers and consumers of their own nothing is lost, doubled or out of order',
  {
    timeout: 120_000,
  },
  async () => {
    const { counts } = await playKills(7, { kills: 2, backlog: 2_000 })
    expect(counts).toMatchObject({ kills: 2, lost: 0 })
  },
)
