import { describe, it } from 'vitest'
import { embeddedStore, memoryStore } from './move.fixture.ts'
import { moveWholeStore } from './whole-move.fixture.ts'

const stores = { embedded: embeddedStore, memory: memoryStore }

describe.each([
  ['embedded', 'memory'],
  ['memory', 'embedded'],
  ['embedded', 'embedded'],
  ['memory', 'memory'],
] as const)('moveStore() from %s to %s', (from, to) => {
  it('moves everything: nobody sees a difference', async (context) => {
    const [source, unmoved, target] = await Promise.all(
      [stores[from], stores[from], stores[to]].map((of) => of(context)),
    )
    await moveWholeStore({ source: source!, unmoved: unmoved!, target: target! })
  })
})
