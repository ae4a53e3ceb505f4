import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryEngine } from '../engines/memory/index.ts'
import { simpleDue } from './due-times.fixture.ts'
import { createBroker, ownersOnly, type Authorize, type Broker, type Caller } from './index.ts'

const topic = 'shop.order'
const subscription = 'mail.thanks'
const owner: Caller = { namespace: 'default', principal: 'owner' }
const listeners = { onDeliveries: () => undefined, onClosed: () => undefined }
const follower = { onEvents: () => undefined, onReset: () => undefined, onClosed: () => undefined }
const event = { id: '1', source: '/shop', type: topic, key: 'a' }
const contract = { service: 'shop', topics: [{ topic, kind: 'event', types: [{ type: topic }] }] } as const

type Verb = Exclude<keyof Broker, 'start' | 'stop' | typeof Symbol.asyncDispose>

/** One call of each verb; the compiler asks for those that are added. */
const calls: { readonly [Each in Verb]: (broker: Broker, caller: Caller) => Promise<unknown> } = {
  registerService: (broker, caller) => broker.registerService(caller, { service: 'mail', database: 'd' }),
  putTopic: (broker, caller) => broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' }),
  topic: (broker, caller) => broker.topic(caller, topic),
  topics: (broker, caller) => broker.topics(caller),
  removeTopic: (broker, caller) => broker.removeTopic(caller, topic),
  registerContract: (broker, caller) => broker.registerContract(caller, contract),
  planContract: (broker, caller) => broker.planContract(caller, contract),
  contract: (broker, caller) => broker.contract(caller, 'shop'),
  contracts: (broker, caller) => broker.contracts(caller),
  reportNeeds: (broker, caller) =>
    broker.reportNeeds(caller, {
      service: 'mail',
      needs: [{ topic, consumer: subscription, as: 'handler', fields: ['/id'], observed: true }],
    }),
  publish: (broker, caller) => broker.publish(caller, { topic, events: [{ event }] }),
  producer: (broker, caller) => broker.producer(caller, { topic, producer: 'p' }),
  read: (broker, caller) => broker.read(caller, { topic }),
  latest: (broker, caller) => broker.latest(caller, { topic }),
  follow: (broker, caller) => broker.follow(caller, { topic, ...follower }),
  erase: (broker, caller) => broker.erase(caller, { topic, key: 'k' }),
  putSchedule: (broker, caller) =>
    broker.putSchedule(caller, { schedule: 'shop.daily', topic, expression: '0 8 * * *', event: { type: topic } }),
  schedules: (broker, caller) => broker.schedules(caller),
  removeSchedule: (broker, caller) => broker.removeSchedule(caller, 'shop.daily'),
  putSubscription: (broker, caller) => broker.putSubscription(caller, { subscription, topic, from: 'beginning' }),
  subscription: (broker, caller) => broker.subscription(caller, subscription),
  subscriptions: (broker, caller) => broker.subscriptions(caller),
  removeSubscription: (broker, caller) => broker.removeSubscription(caller, subscription),
  pull: (broker, caller) => broker.pull(caller, { subscription }),
  settle: (broker, caller) => broker.settle(caller, { subscription, outcomes: [{ lease: 'x', action: 'ack' }] }),
  renew: (broker, caller) => broker.renew(caller, { subscription, leases: ['x'], leaseMs: 30_000 }),
  stream: (broker, caller) => broker.stream(caller, { subscription, holder: 'h', ...listeners }),
  wake: (broker, caller) => broker.wake(caller, { subscription, positions: [] }),
  seek: (broker, caller) => broker.seek(caller, { subscription, to: 'beginning', effects: 'skip' }),
  pause: (broker, caller) => broker.pause(caller, subscription),
  resume: (broker, caller) => broker.resume(caller, subscription),
  previewSeek: (broker, caller) => broker.previewSeek(caller, { subscription, to: 'end' }),
  deadLetters: (broker, caller) => broker.deadLetters(caller, { subscription }),
  redrive: (broker, caller) => broker.redrive(caller, { subscription, positions: 'all' }),
  startRedrive: (broker, caller) => broker.startRedrive(caller, { subscription }),
  previewRedrive: (broker, caller) => broker.previewRedrive(caller, { subscription }),
  redrives: (broker, caller) => broker.redrives(caller, subscription),
  stopRedrive: (broker, caller) => broker.stopRedrive(caller, { subscription, redrive: 'r' }),
  replace: (broker, caller) => broker.replace(caller, { subscription, position: '1.1', data: new Uint8Array() }),
  discard: (broker, caller) => broker.discard(caller, { subscription, positions: [] }),
  scheduled: (broker, caller) => broker.scheduled(caller, { subscription }),
  cancel: (broker, caller) => broker.cancel(caller, { subscription, positions: [] }),
  stats: (broker, caller) => broker.stats(caller, subscription),
  explain: (broker, caller) => broker.explain(caller, { subscription, event: { source: '/shop', id: '1' } }),
}
const verbs = Object.keys(calls) as Verb[]
const lists = new Set<Verb>(['topics', 'subscriptions', 'schedules', 'contracts'])

async function openBroker(authorize: Authorize): Promise<Broker> {
  const broker = createBroker({
    engine: memoryEngine(),
    authorize,
    namespaces: ['default', 'blue'],
    nextDue: simpleDue,
  })
  await broker.start()
  await broker.putTopic(owner, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(owner, { subscription, topic, from: 'beginning' })
  await broker.publish(owner, { topic, events: [{ event }] })
  return broker
}

describe('every call', () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await openBroker(({ principal }) => principal === 'owner')
  })
  afterAll(() => broker.stop())

  it.each(verbs)('%s() lets nobody in whom the authorizer does not allow', async (verb) => {
    const stranger = { ...owner, principal: 'stranger' }
    if (lists.has(verb)) expect(await calls[verb](broker, stranger)).toEqual([])
    else await expect(calls[verb](broker, stranger)).rejects.toMatchObject({ code: 'forbidden' })
    expect(await broker.stats(owner, subscription)).toMatchObject({ pending: 1, leased: 0, generation: 1 })
  })

  it.each(verbs)('%s() is about the namespace of its caller', async (verb) => {
    const elsewhere = { ...owner, namespace: 'elsewhere' }
    await expect(calls[verb](broker, elsewhere)).rejects.toMatchObject({ code: 'namespace-unknown' })
  })

  it('finds nothing of one namespace in another, where names may mean something else', async () => {
    const blue = { ...owner, namespace: 'blue' }
    expect([await broker.topics(blue), await broker.subscriptions(blue)]).toEqual([[], []])
    await expect(broker.read(blue, { topic })).rejects.toMatchObject({ code: 'topic-unknown' })
    await broker.putTopic(blue, { topic, kind: 'entity', owner: 'other' })
    await broker.putSubscription(blue, { subscription, topic, from: 'beginning' })
    expect(await broker.pull(blue, { subscription })).toMatchObject({ deliveries: [] })
    expect(await broker.topic(owner, topic)).toMatchObject({ kind: 'event', owner: 'shop' })
  })
})

it.each([
  ['nothing', undefined],
  ['a promise', Promise.resolve(true)],
  ['something that is true in a way', 1],
])('an authorizer that answers %s allows nothing', async (_, answer) => {
  const broker = createBroker({ engine: memoryEngine(), authorize: () => answer as unknown as boolean })
  await broker.start()
  await expect(calls.putTopic(broker, owner)).rejects.toMatchObject({ code: 'forbidden' })
  await broker.stop()
})

it.each([
  ['answers', { kind: 'event', replies: true }],
  ['tasks', { kind: 'task' }],
] as const)('ownersOnly() lets a service read no topic of %s that is not its own', async (_, definition) => {
  const broker = createBroker({ engine: memoryEngine(), authorize: ownersOnly({ operators: [] }) })
  await broker.start()
  const as = (principal: string): Caller => ({ namespace: 'default', principal })
  await broker.putTopic(as('shop'), { topic, owner: 'shop', ...definition })
  await expect(broker.read(as('mail'), { topic })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(broker.putSubscription(as('mail'), { subscription, topic, from: 'beginning' })).rejects.toMatchObject({
    code: 'forbidden',
  })
  expect(await broker.read(as('shop'), { topic })).toMatchObject({ events: [] })
  await broker.stop()
})

it('ownersOnly() lets a service register its own contract alone, and say what it reads itself', async () => {
  const broker = createBroker({ engine: memoryEngine(), authorize: ownersOnly({ operators: ['operator'] }) })
  await broker.start()
  const as = (principal: string): Caller => ({ namespace: 'default', principal })
  const register = (principal: string) => broker.registerContract(as(principal), contract)
  for (const principal of ['mail', 'monitor']) {
    await expect(register(principal)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(broker.planContract(as(principal), contract)).rejects.toMatchObject({ code: 'forbidden' })
    const empty = broker.registerContract(as(principal), { service: 'shop', topics: [] })
    await expect(empty).rejects.toMatchObject({ code: 'forbidden' })
  }
  expect(await register('shop')).toMatchObject({ verdict: 'compatible' })
  expect(await register('operator')).toMatchObject({ verdict: 'unchanged' })
  await calls.reportNeeds(broker, as('mail'))
  await expect(calls.reportNeeds(broker, as('spy'))).rejects.toMatchObject({ code: 'forbidden' })
  const seen = [{ service: 'shop', topics: [{ topic, consumers: [{ consumer: subscription, service: 'mail' }] }] }]
  expect(await broker.contracts(as('anybody'))).toMatchObject(seen)
  await broker.stop()
})

it('lets only operators read the audit', async () => {
  const broker = await openBroker((caller, action) => caller.principal === 'owner' || action !== 'operate')
  await broker.pause(owner, subscription)
  const service = { ...owner, principal: 'mail' }
  await expect(broker.read(service, { topic: 'tidings.audit' })).rejects.toMatchObject({ code: 'forbidden' })
  const copy = { subscription: 'mail.spy', topic: 'tidings.audit', from: 'beginning' } as const
  await expect(broker.putSubscription(service, copy)).rejects.toMatchObject({ code: 'forbidden' })
  expect((await broker.topics(service)).map((each) => each.topic)).toEqual([topic])
  expect((await broker.read(owner, { topic: 'tidings.audit' })).events).toHaveLength(1)
  await broker.stop()
})
