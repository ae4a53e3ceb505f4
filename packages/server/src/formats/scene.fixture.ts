import { connectPush, systemEnvironment, type Environment } from 'tidings'
import type { Broker, Delivery, OutcomeAction, PublishRequest } from 'tidings/broker'
import type { EngineOptions } from '../make-store.ts'
import { startServer, type RunningServer } from '../start.ts'

export const caller = { namespace: 'default', principal: 'operator' }
export const topic = 'shop.order'
export const subscription = 'mail.thanks'
export const mended = 'mail.mended'
export const moved = 'mail.moved'
/** When the scene plays, so that what was written with it can be read in any year. */
export const playsAt = Date.UTC(2030, 0, 1, 12)
const hourMs = 3_600_000

export function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

/** The system, on a day of its own. */
function environmentAt(wall: number): Environment {
  const begun = systemEnvironment.clock.monotonic()
  const { clock } = systemEnvironment
  return { ...systemEnvironment, clock: { ...clock, now: () => Math.floor(wall + clock.monotonic() - begun) } }
}

/** On a folder, or on whatever else the options name. */
export function openScene(where: string | EngineOptions, wall: number): Promise<RunningServer> {
  const store = typeof where === 'string' ? { path: where } : where
  return startServer({ ...store, port: 0, environment: environmentAt(wall) })
}

/** What a later life needs to know of the earlier one. */
export interface SceneNotes {
  /** Of the event `leased`, for twelve hours. */
  readonly lease: string
  readonly dead: string
}

/** Plays everything that a store keeps: each kind of entry once, in as few events as that needs. */
export async function playScene({ broker, url }: RunningServer): Promise<SceneNotes> {
  await broker.registerService(caller, { service: 'shop', database: 'd1' })
  await broker.putTopic(caller, {
    topic,
    kind: 'event',
    owner: 'shop',
    schemas: { [topic]: {}, 'shop.special': {} },
    retention: { maxEvents: 1_000 },
  })
  for (const name of [subscription, mended, moved, 'partner.orders']) {
    await broker.putSubscription(caller, { subscription: name, topic, from: 'beginning' })
  }
  const filter = { types: ['shop.special'] }
  await broker.putSubscription(caller, { subscription: moved, topic, filter, from: 'beginning' })
  const deliverAt = new Date(playsAt + 365 * 24 * hourMs).toISOString()
  await publish(broker, ['acknowledged', 'a'], ['dead', 'a'], ['parked', 'a'], ['retrying', 'b'], ['waiting', 'c'])
  await publish(broker, ['leased', 'd'])
  const later = {
    id: 'scheduled',
    source: '/shop',
    type: topic,
    key: 'e',
    extensions: { deliverat: deliverAt },
    data: encode({}),
  }
  await publishAll(broker, topic, [{ event: later }])
  await playEntities(broker)
  await playTasks(broker)
  const notes = await settleAll(broker)
  await playOperators(broker)
  const push = { subscription: 'partner.orders', url: 'https://partner.invalid/hook' }
  await connectPush(url).put(caller, push)
  return notes
}

async function publish(broker: Broker, ...events: readonly (readonly [id: string, key: string])[]): Promise<void> {
  let counter = (await broker.producer(caller, { topic, producer: 'shop/0' }))?.counter ?? 0
  const stamped = events.map(([id, key]) => ({
    event: { id, source: '/shop', type: topic, key, data: encode({ id }) },
    producer: { id: 'shop/0', epoch: 1, counter: ++counter },
  }))
  await publishAll(broker, topic, stamped)
}

/** Rejects where one is refused. */
async function publishAll(broker: Broker, to: string, events: PublishRequest['events']): Promise<void> {
  const answers = await broker.publish(caller, { topic: to, events })
  for (const answer of answers) if (answer.status !== 'stored') throw new Error(JSON.stringify(answer))
}

/** An entity with two states, one that was deleted, and one that was erased. */
async function playEntities(broker: Broker): Promise<void> {
  const entity = 'crm.customer'
  await broker.putTopic(caller, { topic: entity, kind: 'entity', owner: 'crm' })
  const state = (id: string, key: string, change: string, data?: string) => ({
    event: {
      ...{ id, source: '/crm', type: `${entity}.${change}`, key },
      ...(data === undefined ? {} : { data: encode({ name: data }) }),
    },
  })
  await publishAll(broker, entity, [
    state('1', 'c1', 'created', 'Ada'),
    state('2', 'c2', 'created', 'Bob'),
    state('3', 'c3', 'created', 'Eve'),
    state('4', 'c1', 'updated', 'Ada L.'),
    state('5', 'c2', 'deleted'),
  ])
  await broker.erase(caller, { topic: entity, key: 'c3' })
}

/** A task that was answered. */
async function playTasks(broker: Broker): Promise<void> {
  await broker.putTopic(caller, { topic: 'mail.send', kind: 'task', owner: 'mail' })
  await broker.putTopic(caller, { topic: 'operator.replies', kind: 'event', owner: 'operator', replies: true })
  await broker.putSubscription(caller, { subscription: 'mail.send', topic: 'mail.send', from: 'beginning' })
  const task = { id: 'task', source: '/shop', type: 'mail.send', key: 't', extensions: { replyto: 'operator.replies' } }
  await publishAll(broker, 'mail.send', [{ event: task }])
  const [delivery] = await pull(broker, 'mail.send', 1)
  const outcome = { lease: delivery!.lease, action: 'ack' as const, result: { data: encode('sent') } }
  await broker.settle(caller, { subscription: 'mail.send', outcomes: [outcome] })
}

/** Takes what is there as `mail.thanks` and ends each delivery as its event is named. */
async function settleAll(broker: Broker): Promise<SceneNotes> {
  const reason = 'It is so.'
  const afterMs = 12 * hourMs
  const endings: Readonly<Record<string, OutcomeAction>> = {
    acknowledged: { action: 'ack' },
    dead: { action: 'dead-letter', reason },
    retrying: { action: 'retry', reason, afterMs },
    waiting: { action: 'wait', reason, afterMs },
  }
  const leases = new Map<string, string>()
  while (!leases.has('dead') || !leases.has('leased')) {
    for (const { event, lease } of await pull(broker, subscription, 1)) {
      leases.set(event.id, lease)
      const ending = endings[event.id]
      if (ending) await broker.settle(caller, { subscription, outcomes: [{ lease, ...ending }] })
    }
  }
  const { deadLetters } = await broker.deadLetters(caller, { subscription })
  return { lease: leases.get('leased')!, dead: deadLetters[0]!.position }
}

export async function pull(broker: Broker, of: string, count: number): Promise<readonly Delivery[]> {
  const found: Delivery[] = []
  while (found.length < count) {
    const request = { subscription: of, max: count - found.length, waitMs: 5_000, leaseMs: 12 * hourMs }
    const { deliveries } = await broker.pull(caller, request)
    if (deliveries.length === 0) throw new Error(`${of} has ${found.length} deliveries, not ${count}.`)
    found.push(...deliveries)
  }
  return found
}

/** A letter that was rewritten, redrives that ended and one that did not, a seek, a pause, a schedule. */
async function playOperators(broker: Broker): Promise<void> {
  const [first, second] = await pull(broker, mended, 2)
  const outcomes = [first!, second!].map(({ lease }) => ({
    lease,
    action: 'dead-letter' as const,
    reason: 'It breaks.',
  }))
  await broker.settle(caller, { subscription: mended, outcomes })
  const [position] = (await broker.deadLetters(caller, { subscription: mended })).deadLetters.map(
    (each) => each.position,
  )
  const data = encode('mended')
  await broker.replace(caller, { subscription: mended, position: position!, data, edit: 0 })
  await broker.startRedrive(caller, { subscription: mended, filter: { key: 'nobody' } })
  await broker.seek(caller, { subscription: moved, to: 'beginning', effects: 'skip' })
  await broker.pause(caller, moved)
  const daily = { expression: '0 8 * * *', event: { type: 'shop.report' } }
  await broker.putTopic(caller, { topic: 'shop.report', kind: 'event', owner: 'shop' })
  await broker.putSchedule(caller, { schedule: 'shop.daily', topic: 'shop.report', ...daily })
}
