import { createHash } from 'node:crypto'
import { validateHeaderValue } from 'node:http'
import type { Delivery } from 'tidings/broker'
import { batchType, formatBatch, formatBinary, formatStructured, structuredType, type Event } from 'tidings/event'

/** `structured`: one event as JSON. `binary`: its attributes as headers, its payload as the body. `batch`: several as JSON. */
export type PushFormat = 'structured' | 'binary' | 'batch'

export interface Message {
  /** Names the message at its receiver: the same for every attempt. */
  readonly id: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

interface Scope {
  readonly namespace: string
  readonly subscription: string
}

const encoder = new TextEncoder()

/** What is sent of deliveries; more than one of them only in a batch. */
export function messageOf(deliveries: readonly Delivery[], format: PushFormat, scope: Scope): Message {
  const id = webhookId(deliveries, scope)
  const events = deliveries.map(({ event }) => event)
  const [first] = events
  if (format === 'batch') {
    return { id, headers: { 'content-type': batchType }, body: encoder.encode(formatBatch(events)) }
  }
  const binary = format === 'binary' && first ? binaryOf(first) : undefined
  if (binary) return { id, ...binary }
  return { id, headers: { 'content-type': structuredType }, body: encoder.encode(formatStructured(first!)) }
}

/**
 * Nothing where there is no payload, which the binary mode could not tell from an empty one and HTTP 1.1 Web Hooks do
 * not permit, or where the type of the payload cannot stand in a header.
 */
function binaryOf(event: Event): Omit<Message, 'id'> | undefined {
  if (!event.data || event.data.length === 0) return undefined
  const { headers, body } = formatBinary(event)
  try {
    for (const [name, value] of headers) validateHeaderValue(name, value)
  } catch {
    return undefined
  }
  return { headers: Object.fromEntries(headers), body }
}

/**
 * Made of what identifies the events at this subscription, so that it survives every restart. A replay that is to have
 * its effects once more gets another one.
 */
function webhookId(deliveries: readonly Delivery[], { namespace, subscription }: Scope): string {
  const identities = deliveries.map(({ event, replay, generation }) => {
    return [event.source, event.id, replay === 'run' ? generation : 0]
  })
  const text = JSON.stringify([namespace, subscription, identities])
  return `msg_${createHash('sha256').update(text).digest('base64url').slice(0, 27)}`
}
