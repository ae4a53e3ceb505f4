import { expect, it } from 'vitest'
import { memoryEngine } from '../engines/memory/index.ts'
import { event, Scene, subscription, topic } from './conformance/case.ts'
import { allowAll, createBroker } from './index.ts'

const caller = { namespace: 'default', principal: 'operator' }

it('erase() removes what an operator put in the place of a payload from the ledger, of its key only', async () => {
  const engine = memoryEngine()
  const broker = createBroker({ engine, authorize: allowAll })
  await broker.start()
  const scene = await Scene.open({ broker, caller })
  await scene.publish(event('1', 'a'), event('2', 'b'))
  for (const id of ['1', '2']) {
    const [first, second] = await scene.pull(2)
    const wanted = [first, second].find((each) => each?.event.id === id)!
    await scene.settle(wanted, { action: 'dead-letter', reason: 'wrong' })
    for (const other of [first, second]) if (other && other !== wanted) await scene.settle(other, { action: 'release' })
  }
  const { deadLetters } = await broker.deadLetters(caller, { subscription })
  for (const { position } of deadLetters) {
    await broker.replace(caller, { subscription, position, data: new TextEncoder().encode('"edited"') })
  }
  const edits = async () =>
    (await engine.ledger.load({ namespace: 'default', ledger: subscription, shard: 0 }, { from: 'r/', to: 'r0' }, 10))
      .length
  expect(await edits()).toBe(2)
  await broker.erase(caller, { topic, key: 'a' })
  expect(await edits()).toBe(1)
  expect((await scene.pullNow()).map((delivery) => delivery.event.id)).toEqual(['2'])
  await broker.stop()
})
