import { playRounds } from '@tidings/tools/torture-rounds'
import { test } from 'vitest'
import { playStoppedPullers, playStoppedServices } from './stopped.fixture.ts'

test('consumers that stand still for longer than their leases', async () => {
  await playRounds('Consumers that stand still', async (seed) => {
    const pullers = await playStoppedPullers(seed, { stops: 20 })
    const services = await playStoppedServices(seed, { stops: 5, kills: 5 })
    const named = (who: string, counts: Readonly<Record<string, number>>): Record<string, number> =>
      Object.fromEntries(Object.entries(counts).map(([what, count]) => [`${who}: ${what}`, count]))
    return { ...services, counts: { ...named('pullers', pullers.counts), ...named('services', services.counts) } }
  })
})
