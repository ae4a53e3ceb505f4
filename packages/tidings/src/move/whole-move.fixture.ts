import { expect } from 'vitest'
import { fillWholeStore, goOnWithWholeStore, lookAtWholeStore, timeless } from '../engine/conformance/whole-store.ts'
import { moveStore } from './index.ts'
import { moveSettings, sideOf, withEngine, type TestStore } from './move.fixture.ts'

/** Moves a store with some of everything: nobody sees a difference, then or from then on. */
export async function moveWholeStore(stores: {
  readonly source: TestStore
  readonly target: TestStore
  /** Is filled in the same way and not moved. */
  readonly unmoved: TestStore
}): Promise<void> {
  const { source, target, unmoved } = stores
  const settings = moveSettings()
  await withEngine(source.open(settings), (engine) => fillWholeStore(engine, settings.advance))
  const before = await withEngine(source.open(settings), lookAtWholeStore)
  const { environment } = settings
  const { resumed } = await moveStore({ from: sideOf(source, settings), to: sideOf(target, settings), environment })
  expect(resumed).toBe(false)
  expect(await withEngine(target.open(settings), lookAtWholeStore)).toEqual(before)
  await withEngine(unmoved.open(settings), (engine) => fillWholeStore(engine, settings.advance))
  const usual = await withEngine(unmoved.open(settings), goOnWithWholeStore)
  expect(timeless(await withEngine(target.open(settings), goOnWithWholeStore))).toEqual(timeless(usual))
}
