import type { Engine } from '../port.ts'
import type { HeldStore, StoreItem } from '../transfer.ts'
import { overriding, type Breakage } from './broken.fixture.ts'

/** Engines that break what the port says of stores that are carried elsewhere. */
export const brokenHolds: readonly Breakage[] = [
  {
    guarantee: 'everything is carried',
    caught: 'a store that receives what it has given is the same to everybody',
    broken: (engine) =>
      holding(engine, (held) => ({ contents: (bounds) => without('producer', held.contents(bounds)) })),
  },
  {
    guarantee: 'identities of trimmed events are carried',
    caught: 'what was received is recognised when it is published again, also what was trimmed',
    broken: (engine) =>
      holding(engine, (held) => ({ contents: (bounds) => without('identity', held.contents(bounds)) })),
  },
  {
    guarantee: 'a store that was left refuses to start',
    caught: 'a store that is being filled, or was left, does not start, and says so to whoever holds it',
    broken: (engine) => holding(engine, () => ({ leave: async () => {} })),
  },
  {
    guarantee: 'a store that is taken back begins another life',
    caught: 'a store that is taken back begins another life: what it does not know may have happened elsewhere',
    broken: (engine) => holding(engine, (held) => ({ takeBack: () => held.complete([]) })),
  },
  {
    guarantee: 'hold() refuses a running engine',
    caught: 'a store is held by one at a time, and not while its engine runs',
    broken(engine) {
      const hold = async (): Promise<HeldStore> => {
        await engine.stop()
        return engine.hold!()
      }
      return overriding(engine, { hold })
    },
  },
]

function holding(engine: Engine, change: (held: HeldStore) => Partial<HeldStore>): Engine {
  return overriding(engine, {
    hold: async () => {
      const held = await engine.hold!()
      return { ...held, ...change(held) }
    },
  })
}

async function* without(
  kind: StoreItem['item'],
  pages: AsyncIterable<readonly StoreItem[]>,
): AsyncGenerator<readonly StoreItem[]> {
  for await (const items of pages) yield items.filter(({ item }) => item !== kind)
}
