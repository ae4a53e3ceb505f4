import type { Engine, LedgerId } from '../port.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import { needsShared, type EngineCase } from './case.ts'

const id: LedgerId = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

async function entriesOf(engine: Engine): Promise<Record<string, string>> {
  const entries = await engine.ledger.load(id, {}, 10_000)
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]))
}

/** The ledger over a store that several engines use at once: one owner among all of them. */
export const sharedLedgerCases: readonly EngineCase[] = [
  {
    name: 'two engines: own() gives each owner a higher epoch, and both know the last one',
    needs: needsShared,
    async run({ engine, another }) {
      const engines = [engine, await another()]
      const callers = [0, 1, 0, 1, 0, 1, 0, 1].map((index) => ({ index, through: engines[index]! }))
      const owners = await Promise.all(
        callers.map(({ index, through }) => through.ledger.own(id, { address: `http://${index}` })),
      )
      const epochs = owners.map(({ epoch }) => epoch)
      assertEqual(new Set(epochs).size, callers.length, 'no two are equal')
      const last = epochs.indexOf(Math.max(...epochs))
      const expected = { epoch: epochs[last]!, address: `http://${callers[last]!.index}` }
      for (const each of engines) assertEqual(await each.ledger.owner(id), expected, 'the highest is the owner')
    },
  },
  {
    name: 'two engines: commits that are under way when the other takes over are applied before or refused',
    needs: needsShared,
    async run({ engine, another }) {
      const engines = [engine, await another()]
      let ownership = await engine.ledger.own(id)
      const applied: string[] = []
      for (let round = 0; round < 20; round++) {
        const [before, after] = [engines[round % 2]!, engines[(round + 1) % 2]!]
        const keys = [0, 1, 2, 3].map((place) => `${String(round).padStart(2, '0')}/${place}`)
        const owner = ownership
        const sent = keys.map((key) =>
          before.ledger.commit(owner, [
            { key, value: 'x' },
            { key: 'last', value: key },
          ]),
        )
        const settled = Promise.allSettled(sent)
        ownership = await after.ledger.own(id)
        const atTakeover = await entriesOf(after)
        const outcomes = await settled
        for (const [index, { status }] of outcomes.entries()) if (status === 'fulfilled') applied.push(keys[index]!)
        const found = await entriesOf(after)
        assertEqual(atTakeover, found, 'nothing changes after the takeover')
        const keysFound = Object.keys(found).filter((key) => key !== 'last')
        assertEqual(keysFound.sort(), applied.toSorted(), 'what was answered is what is there')
        const late = before.ledger.commit(owner, [{ key: 'late', value: 'x' }])
        await assertRejects(late, 'ownership-lost', 'the owner before is told')
      }
    },
  },
  {
    name: 'two engines: what one has committed, the other loads, and what it removed is gone',
    needs: needsShared,
    async run({ engine, another }) {
      const other = await another()
      const first = await engine.ledger.own(id)
      for (const value of ['1', '2', '3']) {
        await engine.ledger.commit(first, [{ key: 'a', value }])
        assertEqual(await entriesOf(other), { a: value }, 'the other loads what was just committed')
      }
      await other.ledger.remove(id)
      assertEqual([await engine.ledger.owner(id), await entriesOf(engine)], [undefined, {}], 'nothing is left')
      await assertRejects(
        engine.ledger.commit(first, [{ key: 'b', value: '1' }]),
        'ownership-lost',
        'the owner is told',
      )
      const second = await engine.ledger.own(id)
      assert(second.epoch > first.epoch, 'the epoch of a later ledger of the name is higher')
      assertEqual(await entriesOf(other), {}, 'and it begins empty')
    },
  },
]
