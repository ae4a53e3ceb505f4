import {
  allowAll,
  createBroker,
  type Broker,
  type Delivery,
  type OutcomeAction,
  type SubscriptionStats,
} from '../broker/index.ts'
import { consume, type ConsumeOptions, type Consumer } from './index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'

/** A broker with one topic and one subscription on it, for tests of consumers. */
export interface ConsumerBench {
  readonly environment: SimulatedEnvironment
  readonly broker: Broker
  readonly caller: { readonly namespace: string; readonly principal: string }
  readonly subscription: string
  /** Publishes events written as `key/id`. */
  publish(...keysAndIds: string[]): Promise<void>
  /** Starts a consumer, over another broker than its own where one is given. */
  start(options: Partial<ConsumeOptions> & Pick<ConsumeOptions, 'handle'>, through?: Broker): Consumer
  stats(): Promise<SubscriptionStats>
  /** Stops every consumer that was started. */
  stop(): Promise<void>
}

export async function consumerBench(): Promise<ConsumerBench> {
  const caller = { namespace: 'default', principal: 'mail' }
  const subscription = 'mail.thank-buyer'
  const environment = simulatedEnvironment()
  const broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(caller, { topic: 'sales.order', kind: 'event', owner: 'sales' })
  await broker.putSubscription(caller, { subscription, topic: 'sales.order', from: 'beginning' })
  const consumers: Consumer[] = []
  return {
    environment,
    broker,
    caller,
    subscription,
    async publish(...keysAndIds) {
      const events = keysAndIds.map((text) => {
        const [key, id = text] = text.split('/')
        return { event: { id, source: 'sales', type: 'sales.order', ...(key ? { key } : {}) } }
      })
      await broker.publish(caller, { topic: 'sales.order', events })
    },
    start(options, through = broker) {
      const consumer = consume({ broker: through, caller, subscription, environment, ...options })
      consumers.push(consumer)
      consumer.start()
      return consumer
    },
    stats: () => broker.stats(caller, subscription),
    async stop() {
      const stopped = Promise.all(consumers.map((consumer) => consumer.stop()))
      await environment.advance(11_000)
      await stopped
    },
  }
}

/** A handler whose deliveries a test ends one by one. */
export interface HandlerByHand {
  /** The ids of the events that it was called with. */
  readonly begun: readonly string[]
  readonly handle: (delivery: Delivery) => Promise<OutcomeAction>
  end(id: string, outcome?: OutcomeAction): void
}

export function handlerByHand(): HandlerByHand {
  const open = new Map<string, (outcome: OutcomeAction) => void>()
  const begun: string[] = []
  return {
    begun,
    handle: (delivery) =>
      new Promise((resolve) => {
        begun.push(delivery.event.id)
        open.set(delivery.event.id, resolve)
      }),
    end(id, outcome = { action: 'ack' }) {
      open.get(id)?.(outcome)
      open.delete(id)
    },
  }
}
