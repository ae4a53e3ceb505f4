import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { needsMemory, playSlowConsumer } from './slow-consumer.fixture.ts'

test('a slow consumer with a million events before it, and poison', async (context) => {
  needsMemory(context)
  await playRounds('A slow consumer and poison', (seed) =>
    playSlowConsumer(seed, { backlog: 1_000_000, events: 1_000, turns: 3 }),
  )
})
