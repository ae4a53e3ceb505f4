import { sleep, systemEnvironment } from '../../environment/index.ts'
import type { Event } from '../../event/index.ts'
import type { Broker, Caller } from '../port/broker.ts'
import type { Delivery, DeliveryStream, OutcomeAction } from '../port/deliveries.ts'
import type { SubscriptionDefinition } from '../port/subscriptions.ts'

/** One requirement of the broker port. It knows no test runner: `run` rejects when the broker breaks it. */
export interface BrokerCase {
  /** The requirement in words; unique in the suite. */
  readonly name: string
  /** Whether the case needs the broker to be restarted on its store, which a remote client cannot do. */
  readonly restarts?: true
  readonly run: (context: BrokerContext) => Promise<void>
}

export interface BrokerContext {
  /** A started broker without topics, which checks schemas. */
  readonly broker: Broker
  readonly caller: Caller
  /** Ends the broker without a good-bye, as a crash would, and answers another one on the same store. */
  readonly crash?: () => Promise<Broker>
}

/** Runs one case; answers why it was skipped, or `undefined` when it ran. */
export async function runBrokerCase(brokerCase: BrokerCase, context: BrokerContext): Promise<string | undefined> {
  if (brokerCase.restarts && !context.crash) return 'its broker cannot be restarted from here'
  await brokerCase.run(context)
  return undefined
}

export const topic = 'shop.order'
export const subscription = 'mail.thanks'

/** An event of the topic `shop.order`, told apart by its id. */
export function event(id: string, key?: string, more: Partial<Event> = {}): Event {
  return {
    id,
    source: '/shop',
    type: topic,
    ...(key === undefined ? {} : { key }),
    datacontenttype: 'application/json',
    data: new TextEncoder().encode(JSON.stringify({ id })),
    ...more,
  }
}

/** A scene in which most cases play: one event topic with one subscription from its beginning. */
export class Scene {
  broker: Broker
  readonly caller: Caller

  constructor({ broker, caller }: BrokerContext) {
    this.broker = broker
    this.caller = caller
  }

  static async open(context: BrokerContext, definition: Partial<SubscriptionDefinition> = {}): Promise<Scene> {
    const scene = new Scene(context)
    await scene.broker.putTopic(scene.caller, { topic, kind: 'event', owner: 'shop' })
    await scene.subscribe(definition)
    return scene
  }

  async subscribe(definition: Partial<SubscriptionDefinition> = {}): Promise<void> {
    const quick = { quickDelaysMs: [1, 1], minDelayMs: 1, maxDelayMs: 1, maxAttempts: 2 }
    const { policy, ...rest } = definition
    await this.broker.putSubscription(this.caller, {
      subscription,
      topic,
      from: 'beginning',
      policy: { retry: quick, ...policy },
      ...rest,
    })
  }

  async publish(...events: Event[]): Promise<void> {
    const answers = await this.broker.publish(this.caller, { topic, events: events.map((each) => ({ event: each })) })
    const refused = answers.find((answer) => answer.status === 'refused')
    if (refused?.status === 'refused') throw new Error(`Publishing failed: ${refused.message}`)
  }

  /** Pulls until `count` deliveries have come, or the wait is over. */
  async pull(count: number, waitMs = 3_000): Promise<Delivery[]> {
    const deliveries: Delivery[] = []
    while (deliveries.length < count) {
      const answer = await this.broker.pull(this.caller, { subscription, max: count - deliveries.length, waitMs })
      if (answer.deliveries.length === 0) break
      deliveries.push(...answer.deliveries)
    }
    return deliveries
  }

  /** Whatever may be handed out right now: nothing is on its way when the answer is empty. */
  async pullNow(max = 100): Promise<Delivery[]> {
    return this.pull(max, 100)
  }

  async settle(delivery: Delivery, outcome: OutcomeAction): Promise<string> {
    const [answer] = await this.broker.settle(this.caller, {
      subscription,
      outcomes: [{ lease: delivery.lease, ...outcome }],
    })
    return answer!.status === 'settled' ? 'settled' : answer!.code
  }

  async ack(...deliveries: Delivery[]): Promise<void> {
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
    const answers = await this.broker.settle(this.caller, { subscription, outcomes })
    const refused = answers.find((answer) => answer.status === 'refused')
    if (refused?.status === 'refused') throw new Error(`Settling failed: ${refused.message}`)
  }

  /** Fails the head of a key until it is a dead letter. */
  async kill(id: string): Promise<void> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const [delivery] = await this.pull(1)
      if (delivery?.event.id !== id) throw new Error(`Expected ${id} to fail, got ${delivery?.event.id ?? 'nothing'}`)
      await this.settle(delivery, { action: 'retry', reason: 'it breaks' })
    }
  }

  async stream(holder = 'worker-1', leases: readonly string[] = []): Promise<StreamProbe> {
    return StreamProbe.open(this, holder, leases)
  }
}

/**
 * Pulls and acknowledges until `count` deliveries have come and nothing follows them, or the wait is over. One pull
 * answers with what there is by then, and the next event of a key may wait for the one before to be settled.
 */
export async function consume(
  { broker, caller }: Pick<BrokerContext, 'broker' | 'caller'>,
  from: string,
  count: number,
): Promise<Delivery[]> {
  const consumed: Delivery[] = []
  for (;;) {
    const waitMs = consumed.length < count ? 3_000 : 50
    const { deliveries } = await broker.pull(caller, { subscription: from, max: 100, waitMs })
    if (deliveries.length === 0) return consumed
    consumed.push(...deliveries)
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
    await broker.settle(caller, { subscription: from, outcomes })
  }
}

/** A stream that remembers what it was given. */
export class StreamProbe {
  readonly deliveries: Delivery[] = []
  floor = ''
  closed: Error | undefined
  stream!: DeliveryStream

  static async open(scene: Scene, holder: string, leases: readonly string[]): Promise<StreamProbe> {
    const probe = new StreamProbe()
    probe.stream = await scene.broker.stream(scene.caller, {
      subscription,
      holder,
      leases,
      onDeliveries: (deliveries) => probe.deliveries.push(...deliveries),
      onProgress: ({ floor }) => (probe.floor = floor),
      onClosed: (reason) => (probe.closed = reason),
    })
    return probe
  }

  ids(): string[] {
    return this.deliveries.map((delivery) => delivery.event.id)
  }

  async received(count: number): Promise<void> {
    await eventually(() => this.deliveries.length >= count, `${count} deliveries, ${this.deliveries.length} came`)
  }
}

/** Waits until something holds; a generous limit ends the wait, never the speed of the machine. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const until = systemEnvironment.clock.monotonic() + 20_000
  while (!(await holds())) {
    if (systemEnvironment.clock.monotonic() > until) throw new Error(`Required within twenty seconds: ${what}.`)
    await sleep(systemEnvironment, 10)
  }
}

export function ids(deliveries: readonly Delivery[]): string[] {
  return deliveries.map((delivery) => delivery.event.id)
}
