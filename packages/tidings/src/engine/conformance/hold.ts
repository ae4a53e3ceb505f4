import type { Engine } from '../port.ts'
import type { HeldStore, StoreItem } from '../transfer.ts'
import { assert, assertEqual, assertRejects, assertResolves } from './assert.ts'
import { needsHold, type EngineCase } from './case.ts'
import { append, duplicate, eventLog, eventOf, idsOf, topic } from './scene.ts'
import { fillWholeStore, itemsOf, lookAtWholeStore, onePage } from './whole-store.ts'

const arrival = { move: 'm1', store: 'elsewhere', from: 'a store elsewhere' }

/** Stops an engine and holds its store. */
async function held(engine: Engine): Promise<HeldStore> {
  await engine.stop()
  return engine.hold!()
}

/** Carrying everything in a store to another one. */
export const holdCases: readonly EngineCase[] = [
  {
    name: 'a store that receives what it has given is the same to everybody',
    needs: needsHold,
    async run({ engine, reopen, advance }) {
      await fillWholeStore(engine, advance)
      const before = await lookAtWholeStore(engine)
      const store = await held(engine)
      const items = await itemsOf(store)
      await store.receive(arrival, onePage(items))
      assertEqual(byText(await itemsOf(store)), byText(items), 'it gives again what it was given')
      await store.ready()
      await store.complete(['m1'])
      await store.release()
      const reopened = await reopen()
      assertEqual(await lookAtWholeStore(reopened), before, 'nobody sees a difference')
    },
  },
  {
    name: 'what was received is recognised when it is published again, also what was trimmed',
    needs: needsHold,
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'), eventOf('2'), eventOf('3'))
      await engine.log.trim(topic, 2)
      const store = await held(engine)
      const items = await itemsOf(store)
      await store.receive(arrival, onePage(items))
      await store.complete([])
      await store.release()
      const reopened = await reopen()
      const again = await append(reopened, eventOf('1'), eventOf('3'))
      assertEqual(again, [duplicate(1), duplicate(3)], 'at the places that they had')
    },
  },
  {
    name: 'a store that is being filled, or was left, does not start, and says so to whoever holds it',
    needs: needsHold,
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'))
      const first = await held(engine)
      assertEqual(
        [first.standing.past, first.standing.arrival, first.standing.departure],
        [[], undefined, undefined],
        'it serves',
      )
      await first.receive(arrival, onePage(await itemsOf(first)))
      await first.ready()
      await first.release()
      await assertRejects(reopen(), 'store-moved', 'it is being filled')

      const second = await engine.hold!()
      assertEqual(second.standing.arrival, { ...arrival, ready: true }, 'whence, and that all of it is there')
      await second.complete(['m1'])
      await second.release()
      const reopened = await reopen()
      assertEqual(await idsOf(reopened), ['1'], 'it serves when it is complete')

      const third = await held(reopened)
      assertEqual(
        [third.standing.past, third.standing.store],
        [['m1'], first.standing.store],
        'it has come through that move',
      )
      await third.leave({ move: 'm2', to: 'another store' })
      await third.release()
      await assertRejects(reopen(), 'store-moved', 'it was left')

      const fourth = await engine.hold!()
      assertEqual(fourth.standing.departure, { move: 'm2', to: 'another store' }, 'whither')
      await fourth.takeBack()
      await fourth.release()
      assertEqual(await idsOf(await reopen()), ['1'], 'it serves again once it is taken back')
    },
  },
  {
    name: 'a store that is taken back begins another life: what it does not know may have happened elsewhere',
    needs: needsHold,
    async run({ engine, reopen }) {
      const { incarnation } = await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'))
      const { id, epoch } = await engine.ledger.own({ namespace: 'default', ledger: 'a.b', shard: 0 })
      const store = await held(engine)
      await store.leave({ move: 'm', to: 'another store' })
      await store.takeBack()
      await store.release()
      const reopened = await reopen()
      const description = await reopened.log.describe(topic)
      assertEqual(description?.continues, [{ incarnation, through: 1 }], 'it continues the life before')
      assert(description?.incarnation !== incarnation, 'its positions are not those of before')
      assert((await reopened.ledger.own(id)).epoch > epoch + 1_000, 'no epoch is one that was given elsewhere')
    },
  },
  {
    name: 'a store is held by one at a time, and not while its engine runs',
    needs: needsHold,
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      await assertRejects(engine.hold!(), 'store-locked', 'it runs')
      const store = await held(engine)
      await store.release()
      await store.release()
      const again = await assertResolves(engine.hold!(), 'it may be held again')
      await again.release()
      assertEqual(await idsOf(await reopen()), [], 'and started')
    },
  },
]

/** Topics have no order; sums of bytes are kept as well as an engine can. */
function byText(items: readonly StoreItem[]): string[] {
  const inOrder = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value
  return items.map((item) => JSON.stringify({ ...item, bytesThrough: 0 }, inOrder)).sort()
}
