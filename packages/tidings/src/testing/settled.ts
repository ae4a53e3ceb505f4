import type { Broker, Caller } from '../broker/port/broker.ts'
import type { SubscriptionStats } from '../broker/port/standing.ts'
import { decodeJson } from '../contract/index.ts'
import type { AttributeValue } from '../event/index.ts'
import type { Service } from '../service/index.ts'

/** An event of the bench's broker, decoded. */
export interface KnownEvent {
  readonly id: string
  readonly source: string
  readonly type: string
  readonly key: string | undefined
  readonly subject: string | undefined
  readonly time: string | undefined
  readonly position: string
  readonly replay: boolean
  readonly extensions: Readonly<Record<string, AttributeValue>>
  readonly data: unknown
  readonly bytes: Uint8Array | undefined
}

export async function readEvents(broker: Broker, caller: Caller): Promise<readonly KnownEvent[]> {
  const known: KnownEvent[] = []
  for (const { topic, head } of await broker.topics(caller)) {
    let after = 'beginning'
    while (after !== head) {
      const page = await broker.read(caller, { topic, after, limit: 1_000 })
      for (const { event, position } of page.events) {
        const { id, source, type, key, subject, time, extensions = {}, data: bytes } = event
        const data = bytes && decodeJson(bytes, type)
        known.push({ id, source, type, key, subject, time, position, replay: false, extensions, data, bytes })
      }
      if (page.until === after) break
      after = page.until
    }
  }
  return known
}

/** What a service still has to do; `undefined` when there is nothing. */
export async function unsettled(options: {
  readonly service: Service
  readonly broker: Broker
  readonly caller: Caller
  readonly withReasons: boolean
}): Promise<string | undefined> {
  const { service, broker, caller, withReasons } = options
  const { outbox, replicas, waiting } = await service.stats()
  const left: string[] = []
  if (outbox.pending > 0) left.push(`${outbox.pending} events are in the outbox`)
  if (outbox.listing) left.push('everything is being published again')
  for (const { name, state } of replicas) if (state !== 'ready') left.push(`replica ${name} is ${state}`)
  for (const { subscription } of await broker.subscriptions(caller)) {
    const stats = await broker.stats(caller, subscription)
    // What is parked waits behind a dead letter: for an operator, not for time.
    if (stats.pending <= stats.parked) continue
    left.push(
      `${subscription} has ${stats.pending - stats.parked} events to handle${withReasons ? await reasons(broker, caller, stats) : ''}`,
    )
  }
  for (const { topic, key } of waiting) left.push(`a handler waits for ${topic} ${key ?? ''}`.trimEnd())
  return left.length === 0 ? undefined : left.join('; ')
}

async function reasons(broker: Broker, caller: Caller, { subscription, topic }: SubscriptionStats): Promise<string> {
  const found = new Set<string>()
  const { events } = await broker.read(caller, { topic, limit: 1_000 })
  for (const { position } of events) {
    const explanation = await broker.explain(caller, { subscription, event: { position } })
    if ('reason' in explanation) found.add(explanation.reason)
  }
  return found.size === 0 ? '' : ` (${[...found].join('; ')})`
}
