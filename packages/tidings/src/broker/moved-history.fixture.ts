import type { Engine } from '../engine/index.ts'
import { moveStore } from '../move/index.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import { playHistory } from './play-history.fixture.ts'

/** Makes an engine over a new, empty store. */
export type MakeEngine = (environment: SimulatedEnvironment) => Promise<Engine>

/** Plays a history whose store is moved from one engine to the next, whenever chance has it. */
export async function playMovedHistory(options: {
  readonly seed: number
  readonly steps: number
  readonly engines: readonly MakeEngine[]
  readonly settle?: () => Promise<void>
}): Promise<number> {
  const { seed, steps, engines, settle } = options
  const environment = simulatedEnvironment(seed, settle)
  let moves = 0
  const next = (): Promise<Engine> => engines[moves % engines.length]!(environment)
  const first = await next()
  await first.start()
  const relocate = async (from: Engine): Promise<Engine> => {
    moves += 1
    const to = await next()
    await from.stop()
    await moveStore({ from: { engine: from, place: from.name }, to: { engine: to, place: to.name }, environment })
    await to.start()
    return to
  }
  const world = await playHistory({ seed, steps, engine: first, environment, relocate })
  await world.engine.stop()
  return moves
}
