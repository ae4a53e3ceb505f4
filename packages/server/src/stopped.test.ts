import { expect, it } from 'vitest'
import { playStoppedPullers, playStoppedServices } from './stopped.fixture.ts'

it(
  'a consumer that stood still for longer than its lease is refused when it acknowledges late',
  {
    timeout: 60_000,
  },
  async () => {
    const { counts } = await playStoppedPullers(7, { stops: 3 })
    expect(counts).toMatchObject({ stops: 3, 'acknowledged twice': 0 })
  },
)

it(
  'a service that stood still for longer than its inbox remembers has no effect twice',
  {
    timeout: 120_000,
  },
  async () => {
    const { counts } = await playStoppedServices(7, { stops: 1, kills: 1 })
    expect(counts).toMatchObject({ 'of these longer than the inbox remembers': 1, 'effects twice': 0 })
  },
)
