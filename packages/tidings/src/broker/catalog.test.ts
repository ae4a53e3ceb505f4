import { expect, test } from 'vitest'
import type { Engine, Ledger } from '../engine/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { Catalog, type StoredTopic } from './catalog.ts'

function topicOf(name: string): StoredTopic {
  return { topic: name, kind: 'event', owner: 'shop', shards: 1 }
}

/** Two servers' catalogues over one store, the first of which is slow to load for as long as the test wants. */
async function twoServers() {
  const engine = memoryEngine()
  await engine.start()
  const shared = { ...engine, capabilities: { ...engine.capabilities, shared: true } }
  const waiting: (() => void)[] = []
  const load: Ledger['load'] = async (id, range, limit) => {
    const entries = await engine.ledger.load(id, range, limit)
    if (limit > 1) await new Promise<void>((resolve) => waiting.push(resolve))
    return entries
  }
  const slow: Engine = { ...shared, ledger: { ...engine.ledger, load } }
  return {
    here: new Catalog(slow, 'default'),
    there: new Catalog(shared, 'default'),
    /** Resolves once so many loads wait for their answers. */
    async waitingLoads(count: number) {
      while (waiting.length < count) await new Promise((resolve) => setImmediate(resolve))
    },
    answer: (index: number) => waiting[index]!(),
  }
}

test('what is known stays known while the catalogue is loaded again', async () => {
  const { here, waitingLoads, answer } = await twoServers()
  await here.change('topic', 'shop.order', () => topicOf('shop.order'))
  const listing = here.list('topic')
  await waitingLoads(1)
  expect(here.known('topic', 'shop.order')).toEqual(topicOf('shop.order'))
  answer(0)
  expect(await listing).toEqual([topicOf('shop.order')])
})

test('a change during a load is not undone by it, and what others changed before is found', async () => {
  const { here, there, waitingLoads, answer } = await twoServers()
  await there.change('topic', 'shop.order', () => topicOf('shop.order'))
  const finding = here.find('topic', 'shop.order')
  await waitingLoads(1)
  await here.change('topic', 'shop.refund', () => topicOf('shop.refund'))
  answer(0)
  await waitingLoads(2)
  answer(1)
  expect(await finding).toEqual(topicOf('shop.order'))
  expect(here.known('topic', 'shop.refund')).toEqual(topicOf('shop.refund'))
})

test('a load that ends behind a later one undoes nothing', async () => {
  const { here, there, waitingLoads, answer } = await twoServers()
  const early = here.list('topic')
  await waitingLoads(1)
  await there.change('topic', 'shop.order', () => topicOf('shop.order'))
  const late = here.list('topic')
  await waitingLoads(2)
  answer(1)
  expect(await late).toEqual([topicOf('shop.order')])
  answer(0)
  await early
  expect(here.known('topic', 'shop.order')).toEqual(topicOf('shop.order'))
})
