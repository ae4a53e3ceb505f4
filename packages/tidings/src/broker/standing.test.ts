import { expect, it } from 'vitest'
import { memoryEngine } from '../engines/memory/index.ts'
import { allowAll, createBroker } from './index.ts'

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'shop.order'
const subscription = 'mail.thanks'
/** More than a shard reads ahead of consumers that take nothing. */
const count = 10_000

it('explain() says of what was never handed out whether it lies before the start, was erased, or was not read yet', async () => {
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', shards: 1 })
  const publish = async (from: number, to: number): Promise<void> => {
    const numbers = Array.from({ length: to - from }, (_, index) => String(from + index))
    const events = numbers.map((id) => ({ event: { id, source: 's', type: topic, key: id } }))
    await broker.publish(caller, { topic, events })
  }
  await publish(0, 1)
  await broker.putSubscription(caller, { subscription, topic, from: 'end' })
  await publish(1, 2)
  await broker.erase(caller, { topic, key: '1' })
  expect((await broker.pull(caller, { subscription })).deliveries).toEqual([])
  for (let from = 2; from < count; from += 1_000) await publish(from, from + 1_000)
  const state = async (id: number) =>
    (await broker.explain(caller, { subscription, event: { source: 's', id: String(id) } })).state
  expect([await state(0), await state(1), await state(count - 1)]).toEqual(['before-start', 'skipped', 'unread'])
  await broker.stop()
})
