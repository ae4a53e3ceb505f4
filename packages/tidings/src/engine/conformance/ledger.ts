import { assert, assertEqual, assertRejects } from './assert.ts'
import type { EngineCase } from './case.ts'
import type { Engine, LedgerId } from '../port.ts'

const id: LedgerId = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

async function entriesOf(engine: Engine, of: LedgerId = id): Promise<Record<string, string>> {
  const entries = await engine.ledger.load(of, {}, 10_000)
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]))
}

/** Ownership: one at a time, and everybody else is told. */
const ownershipCases: readonly EngineCase[] = [
  {
    name: 'own() returns a higher epoch each time, after a restart too',
    async run({ engine, reopen }) {
      const first = await engine.ledger.own(id)
      const second = await engine.ledger.own(id)
      const third = await (await reopen()).ledger.own(id)
      assert(first.epoch >= 1 && second.epoch > first.epoch && third.epoch > second.epoch, 'epochs grow')
      assertEqual(third.id, id, 'an ownership names its ledger')
    },
  },
  {
    name: 'own() by several callers at once gives each an epoch of its own',
    async run({ engine }) {
      const owners = await Promise.all([1, 2, 3, 4, 5].map(() => engine.ledger.own(id)))
      const epochs = owners.map(({ epoch }) => epoch)
      assertEqual(new Set(epochs).size, 5, 'no two are equal')
      assertEqual((await engine.ledger.owner(id))?.epoch, Math.max(...epochs), 'the highest is the owner')
    },
  },
  {
    name: 'owner() answers the present owner and its address',
    async run({ engine, reopen }) {
      assertEqual(await engine.ledger.owner(id), undefined, 'nobody owns what does not exist')
      const { epoch } = await engine.ledger.own(id, { address: 'http://10.0.0.1:7070' })
      const expected = { epoch, address: 'http://10.0.0.1:7070' }
      assertEqual(await engine.ledger.owner(id), expected, 'the owner')
      const reopened = await reopen()
      assertEqual(await reopened.ledger.owner(id), expected, 'after a restart too')
      const next = await reopened.ledger.own(id)
      assertEqual(await reopened.ledger.owner(id), { epoch: next.epoch }, 'an owner without address has none')
    },
  },
  {
    name: 'commit() of an owner that was replaced changes nothing and says so',
    async run({ engine, reopen }) {
      const first = await engine.ledger.own(id)
      await engine.ledger.commit(first, [{ key: 'a', value: '1' }])
      const second = await engine.ledger.own(id)
      const changes = [
        { key: 'b', value: '2' },
        { key: 'a', value: null },
        { key: 'c', value: '3' },
      ]
      await assertRejects(engine.ledger.commit(first, changes), 'ownership-lost', 'the replaced owner is told')
      assertEqual(await entriesOf(engine), { a: '1' }, 'nothing of it was applied')
      await engine.ledger.commit(second, [{ key: 'b', value: '4' }])
      const reopened = await reopen()
      await assertRejects(reopened.ledger.commit(first, changes), 'ownership-lost', 'after a restart too')
      assertEqual(await entriesOf(reopened), { a: '1', b: '4' }, 'the present owner commits')
      await reopened.ledger.commit(second, [{ key: 'b', value: '5' }])
      assertEqual((await entriesOf(reopened)).b, '5', 'an ownership outlives a restart of the engine')
    },
  },
  {
    name: 'commit() that was sent before somebody else became the owner is either applied before or refused',
    async run({ engine }) {
      const first = await engine.ledger.own(id)
      const sent = [1, 2, 3].map((value) => engine.ledger.commit(first, [{ key: `a${value}`, value: 'x' }]))
      const owning = engine.ledger.own(id)
      const late = engine.ledger.commit(first, [{ key: 'late', value: 'x' }])
      const outcomes = await Promise.allSettled([...sent, late])
      const second = await owning
      const keys = Object.keys(await entriesOf(engine))
      const applied = outcomes.flatMap(({ status }, index) =>
        status === 'fulfilled' ? [['a1', 'a2', 'a3', 'late'][index]!] : [],
      )
      assertEqual(keys.sort(), applied.sort(), 'what was answered is what is there')
      await assertRejects(
        engine.ledger.commit(first, [{ key: 'z', value: 'x' }]),
        'ownership-lost',
        'from then on it is refused',
      )
      await engine.ledger.commit(second, [])
    },
  },
  {
    name: 'commit() to a ledger that nobody ever owned is refused',
    async run({ engine }) {
      const call = engine.ledger.commit({ id, epoch: 1 }, [{ key: 'a', value: '1' }])
      await assertRejects(call, 'ownership-lost', 'there is nothing to own')
      assertEqual(await entriesOf(engine), {}, 'and nothing to load')
    },
  },
  {
    name: 'remove() takes the entries away, and epochs go on growing',
    async run({ engine, reopen }) {
      const first = await engine.ledger.own(id, { address: 'x' })
      await engine.ledger.commit(first, [{ key: 'a', value: '1' }])
      await engine.ledger.remove(id)
      await engine.ledger.remove(id)
      assertEqual([await engine.ledger.owner(id), await entriesOf(engine)], [undefined, {}], 'nothing is left')
      await assertRejects(
        engine.ledger.commit(first, [{ key: 'b', value: '1' }]),
        'ownership-lost',
        'its owner is told',
      )
      const reopened = await reopen()
      const second = await reopened.ledger.own(id)
      assert(second.epoch > first.epoch, 'the epoch of a later ledger of the name is higher')
      assertEqual(await entriesOf(reopened), {}, 'and it begins empty')
      await assertRejects(
        reopened.ledger.commit(first, [{ key: 'b', value: '1' }]),
        'ownership-lost',
        'the old owner stays fenced',
      )
    },
  },
]

/** Entries: atomic, durable, in order. */
const entryCases: readonly EngineCase[] = [
  {
    name: 'commit() is durable when it resolves',
    async run({ engine, reopen }) {
      const ownership = await engine.ledger.own(id)
      await engine.ledger.commit(ownership, [
        { key: 'a', value: '1' },
        { key: 'b', value: '' },
      ])
      await engine.ledger.commit(ownership, [
        { key: 'a', value: '2' },
        { key: 'c', value: 'ü😀\u0000' },
      ])
      assertEqual(await entriesOf(await reopen()), { a: '2', b: '', c: 'ü😀\u0000' }, 'every committed entry is there')
    },
  },
  {
    name: 'commit() is visible to load() when it resolves',
    async run({ engine }) {
      const ownership = await engine.ledger.own(id)
      for (const value of ['1', '2', '3']) {
        await engine.ledger.commit(ownership, [{ key: 'a', value }])
        assertEqual(await entriesOf(engine), { a: value }, 'load() answers what was just committed')
      }
    },
  },
  {
    name: 'commit() removes entries with null, and the last change of a key counts',
    async run({ engine, reopen }) {
      const ownership = await engine.ledger.own(id)
      await engine.ledger.commit(ownership, [
        { key: 'a', value: '1' },
        { key: 'b', value: '1' },
      ])
      const changes = [
        { key: 'a', value: null },
        { key: 'unknown', value: null },
        { key: 'c', value: '1' },
        { key: 'c', value: '2' },
      ]
      await engine.ledger.commit(ownership, [...changes, { key: 'b', value: null }, { key: 'b', value: '3' }])
      assertEqual(await entriesOf(await reopen()), { b: '3', c: '2' }, 'changes are applied in order')
    },
  },
  {
    name: 'commit() applies all changes at once',
    async run({ engine }) {
      const ownership = await engine.ledger.own(id)
      const keys = Array.from({ length: 40 }, (_, index) => `k${index}`)
      let writing = true
      const write = async (): Promise<void> => {
        for (let round = 1; round <= 20; round++)
          await engine.ledger.commit(
            ownership,
            keys.map((key) => ({ key, value: String(round) })),
          )
        writing = false
      }
      const read = async (): Promise<void> => {
        while (writing) {
          const values = Object.values(await entriesOf(engine))
          assert(
            new Set(values).size <= 1 && (values.length === 0 || values.length === 40),
            'a reader sees all of a commit or none',
          )
          await new Promise((resolve) => setTimeout(resolve, 0))
        }
      }
      await Promise.all([write(), read()])
    },
  },
  {
    name: 'commit() by one owner, sent at once, applies in the order sent',
    async run({ engine, reopen }) {
      const ownership = await engine.ledger.own(id)
      const values = Array.from({ length: 20 }, (_, index) => String(index))
      await Promise.all(values.map((value) => engine.ledger.commit(ownership, [{ key: 'a', value }])))
      assertEqual(await entriesOf(await reopen()), { a: '19' }, 'the last one sent counts')
    },
  },
  {
    name: 'load() answers a range in the order of bytes',
    async run({ engine, reopen }) {
      const ownership = await engine.ledger.own(id)
      const keys = ['b', 'a', 'a/1', 'a/10', 'a/2', 'a0', 'B', '~', '!', ' ', 'x'.repeat(200), 'a.', 'a ']
      await engine.ledger.commit(
        ownership,
        keys.map((key) => ({ key, value: key.slice(0, 3) })),
      )
      const sorted = keys.toSorted()
      const reopened = await reopen()
      const load = async (range: { from?: string; to?: string }, limit = 100): Promise<string[]> =>
        (await reopened.ledger.load(id, range, limit)).map(({ key }) => key)
      assertEqual(await load({}), sorted, 'all of them in order')
      assertEqual(await load({ from: 'a/1', to: 'a0' }), ['a/1', 'a/10', 'a/2'], '`from` is included, `to` is not')
      assertEqual(await load({ from: 'a/' }, 2), ['a/1', 'a/10'], 'no more than the limit')
      assertEqual(await load({ to: 'B' }), [' ', '!'], 'from the beginning')
      assertEqual(await load({ from: 'x'.repeat(200) }), ['x'.repeat(200), '~'], 'to the end')
      assertEqual(await load({ from: 'c', to: 'c' }), [], 'an empty range')
    },
  },
  {
    name: 'commit() keeps long values and many entries',
    async run({ engine, reopen }) {
      const ownership = await engine.ledger.own(id)
      const many = Array.from({ length: 2_000 }, (_, index) => ({
        key: `k${String(index).padStart(5, '0')}`,
        value: String(index),
      }))
      await engine.ledger.commit(ownership, [...many, { key: 'long', value: 'é'.repeat(200_000) }])
      const reopened = await reopen()
      assertEqual(await reopened.ledger.load(id, {}, 2_000), many, 'every entry')
      assertEqual((await reopened.ledger.load(id, { from: 'long' }, 1))[0]?.value.length, 200_000, 'a long value')
    },
  },
  {
    name: 'ledgers of similar names keep apart',
    async run({ engine, reopen }) {
      const ids: LedgerId[] = [
        { namespace: 'a', ledger: 'b.c', shard: 0 },
        { namespace: 'a', ledger: 'b.c', shard: 1 },
        { namespace: 'a', ledger: 'b.c', shard: 10 },
        { namespace: 'a.b', ledger: 'c', shard: 0 },
        { namespace: 'b', ledger: 'b.c', shard: 0 },
        { namespace: 'a', ledger: '$topics', shard: 0 },
        { namespace: 'a', ledger: 'topics', shard: 0 },
        { namespace: 'a', ledger: 'b.c.d', shard: 0 },
      ]
      for (const [index, each] of ids.entries()) {
        for (let times = 0; times <= index; times++) await engine.ledger.own(each)
        const { epoch } = (await engine.ledger.owner(each))!
        await engine.ledger.commit({ id: each, epoch }, [{ key: 'k', value: JSON.stringify(each) }])
      }
      await engine.ledger.remove(ids[7]!)
      const reopened = await reopen()
      for (const each of ids.slice(0, 7)) {
        assertEqual(await entriesOf(reopened, each), { k: JSON.stringify(each) }, 'each ledger holds its own entry')
      }
    },
  },
]

export const ledgerCases: readonly EngineCase[] = [...ownershipCases, ...entryCases]
