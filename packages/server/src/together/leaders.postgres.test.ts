import { postgresDatabase } from '@tidings/tools/postgres'
import { expect, test } from 'vitest'
import { playLeaders } from './leaders.fixture.ts'

test(
  'whatever becomes of the leader under load, nothing is lost, doubled or out of order, and a schedule misses no second',
  { timeout: 240_000 },
  async (context) => {
    const { url } = await postgresDatabase(context)
    const { counts } = await playLeaders(url, 3, ['killed', 'paused', 'stopped', 'restarted'])
    expect(counts).toMatchObject({ turns: 4, lost: 0 })
  },
)
