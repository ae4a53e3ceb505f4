import { expect, it } from 'vitest'
import { clockLibrary, playServerClock } from './set-clock.fixture.ts'

it('a server whose clock is set hands out nothing early and goes on', { timeout: 120_000 }, async (context) => {
  expect(await playServerClock(clockLibrary(context), { turns: 1 })).toBe(4)
})
