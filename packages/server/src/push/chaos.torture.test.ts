import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { playPushChaos } from './chaos.fixture.ts'

test('webhooks to receivers that fail in every way by turns', async () => {
  await playRounds('Webhook chaos', (seed) => playPushChaos(seed, { deliveries: 10_000, keys: 200, pauses: 20 }))
})
