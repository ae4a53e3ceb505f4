import { expect, it } from 'vitest'
import type { Engine } from '../engine/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker, type Delivery } from './index.ts'

const caller = { namespace: 'default', principal: 'mail' }
const topic = 'shop.order'
const subscription = 'mail.thanks'

/** An engine whose ledger commits when it is let. */
function holdingBack(engine: Engine): { readonly engine: Engine; holdBack(): void; letGo(): void } {
  let letGo = (): void => undefined
  let free = Promise.resolve()
  const commit: Engine['ledger']['commit'] = async (...given) => {
    await free
    return engine.ledger.commit(...given)
  }
  return {
    engine: { ...engine, ledger: { ...engine.ledger, commit } },
    holdBack: () => void (free = new Promise((resolve) => (letGo = resolve))),
    letGo: () => letGo(),
  }
}

it('what follows an event in its run and is on its way when that is retried reaches nobody', async () => {
  const environment = simulatedEnvironment()
  const { engine, holdBack, letGo } = holdingBack(memoryEngine({ environment }))
  const broker = createBroker({ engine, authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  const retry = { quickDelaysMs: [60_000] }
  await broker.putSubscription(caller, {
    subscription,
    topic,
    from: 'beginning',
    filter: { types: [topic] },
    policy: { retry },
  })
  const publish = async (id: string, type = topic): Promise<void> => {
    await broker.publish(caller, { topic, events: [{ event: { id, source: '/shop', type, key: 'ada' } }] })
    await environment.advance(1)
  }
  const delivered: Delivery[] = []
  const stream = await broker.stream(caller, {
    subscription,
    holder: 'mail-1',
    onDeliveries: (deliveries) => void delivered.push(...deliveries),
    onClosed: (reason) => expect.unreachable(reason.message),
  })
  const ids = (): readonly string[] => delivered.map(({ event }) => event.id)
  stream.grant(10)
  await publish('1')
  expect(ids()).toEqual(['1'])
  // So far on in the log that the hand-out of the next one has to be committed first.
  for (let count = 0; count < 150; count++) await publish(`other ${count}`, 'shop.other')
  holdBack()
  await publish('2')
  const settled = broker.settle(caller, {
    subscription,
    outcomes: [{ lease: delivered[0]!.lease, action: 'retry', reason: 'it fails' }],
  })
  letGo()
  expect(await settled).toMatchObject([{ status: 'settled' }])
  await environment.advance(1_000)
  expect(ids()).toEqual(['1'])
  await environment.advance(60_000)
  expect(ids()).toEqual(['1', '1', '2'])
  await stream.close()
  await broker.stop()
})
