import { randomUUID } from 'node:crypto'
import { consume } from 'tidings'
import type { Broker, PublishedEvent } from 'tidings/broker'
import type { RunningSystem } from './system.ts'

const caller = { namespace: 'default', principal: 'operator' }
const only = 'all'

/** A system that is a Tidings broker, wherever that runs. */
export function overBroker(broker: Broker, rest: Pick<RunningSystem, 'pids' | 'stop'>): RunningSystem {
  const ordered = new Set<string>()
  const eventOf = events()
  const publish = async (queue: string, events: readonly PublishedEvent[]): Promise<void> => {
    for (const answer of await broker.publish(caller, { topic: topicOf(queue), events })) {
      if (answer.status !== 'stored') throw new Error(`Tidings answered ${JSON.stringify(answer)} to a message.`)
    }
  }
  return {
    ...rest,
    async create({ name, subscriptions = [only], isOrdered = false }) {
      await broker.putTopic(caller, { topic: topicOf(name), kind: 'event', owner: 'bench' })
      for (const each of subscriptions) {
        const subscription = subscriptionOf(name, each)
        await broker.putSubscription(caller, { subscription, topic: topicOf(name), from: 'beginning' })
      }
      if (isOrdered) ordered.add(name)
    },
    publish: (queue, message, key) => publish(queue, [{ event: eventOf(message, key) }]),
    publishAll: (queue, messages) =>
      publish(
        queue,
        messages.map((message) => ({ event: eventOf(message) })),
      ),
    async consume(queue, { subscription = only, window, atOnce = window, handle }) {
      const consumer = consume({
        broker,
        caller,
        subscription: subscriptionOf(queue, subscription),
        concurrency: atOnce,
        prefetch: window,
        order: ordered.has(queue) ? 'key' : 'none',
        async handle({ event }) {
          await handle(event.data!)
          return { action: 'ack' }
        },
        onTrouble: (error) => console.error(`A consumer of Tidings: ${error.message}`),
      })
      consumer.start()
      return consumer
    },
  }
}

/** Messages as events with ids that no other life of the system has used. */
export function events(): (message: Uint8Array, key?: string) => PublishedEvent['event'] {
  const life = randomUUID()
  let count = 0
  return (data, key) => ({
    id: `${life}-${++count}`,
    source: 'bench',
    type: 'bench.message',
    datacontenttype: 'application/json',
    ...(key !== undefined && { key }),
    data,
  })
}

const topicOf = (queue: string): string => `bench.${queue}`
const subscriptionOf = (queue: string, subscription: string): string => `bench.${queue}-${subscription}`
