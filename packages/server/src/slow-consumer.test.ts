import { expect, it } from 'vitest'
import { needsMemory, playSlowConsumer } from './slow-consumer.fixture.ts'

it(
  'a slow consumer with a backlog and poison cost other subscriptions nothing, and the server bounded memory',
  {
    timeout: 120_000,
  },
  async (context) => {
    needsMemory(context)
    const { counts } = await playSlowConsumer(7, { backlog: 20_000, events: 60, turns: 1 })
    expect(counts).toMatchObject({ backlog: 20_000, events: 120 })
    expect(counts['dead letters']).toBeGreaterThan(0)
  },
)
