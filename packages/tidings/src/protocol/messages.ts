import { TidingsError } from '../errors.ts'
import type { Event, Position } from '../event/index.ts'
import type { Problem } from './problem.ts'
import { followFields, heldLeases, renewFields, settleFields } from './requests.ts'
import { boolean, integer, list, object, oneOf, optional, text, type ValueOf } from './shape.ts'
import { protocolLimits } from './version.ts'

/** The messages of the WebSocket. Text messages are JSON; those with events are frames. */

const id = integer(0, Number.MAX_SAFE_INTEGER)
const stream = integer(0, Number.MAX_SAFE_INTEGER)
const subscription = text({ maxLength: 200 })

const clientMessages = {
  hello: object({
    type: oneOf('hello'),
    protocol: integer(0, 1_000_000),
    features: list(text({ maxLength: 100 }), 100),
    namespace: text({ maxLength: 200 }),
    principal: optional(text({ maxLength: 200 })),
    token: optional(text()),
  }),
  open: object({
    type: oneOf('open'),
    id,
    stream,
    subscription,
    holder: text({ pattern: /^[A-Za-z0-9_-]{1,100}$/, description: '1 to 100 letters, digits, "-" or "_"' }),
    leases: optional(heldLeases),
  }),
  grant: object({ type: oneOf('grant'), stream, credit: integer(1, 1_000_000) }),
  close: object({ type: oneOf('close'), id, stream }),
  abandon: object({ type: oneOf('abandon'), stream }),
  settle: object({ type: oneOf('settle'), id, subscription, ...settleFields }),
  renew: object({ type: oneOf('renew'), id, subscription, ...renewFields }),
  /** `json` asks for text messages with CloudEvents in JSON instead of frames. */
  follow: object({ type: oneOf('follow'), id, stream, ...followFields, json: optional(boolean()) }),
  /** Each event is the text of a CloudEvent in the JSON format, so that no parser of messages touches its payload. */
  publish: object({
    type: oneOf('publish'),
    id,
    topic: text({ maxLength: 200 }),
    events: list(text({ maxLength: protocolLimits.bodyBytes }), protocolLimits.events),
  }),
  ping: object({ type: oneOf('ping'), id }),
}

export type ClientMessage = {
  [Type in keyof typeof clientMessages]: ValueOf<(typeof clientMessages)[Type]>
}[keyof typeof clientMessages]
export type HelloMessage = ValueOf<typeof clientMessages.hello>

/** A delivery as it travels beside its event. */
export interface WireDelivery {
  readonly lease: string
  readonly position: Position
  readonly appendedAt: number
  readonly generation: number
  readonly replay?: 'skip' | 'run' | 'missing'
  readonly priority?: number
  readonly attempt: number
  readonly event: Event
}

/** An event of a topic that is followed. */
export interface WireEvent {
  readonly position: Position
  readonly appendedAt: number
  readonly event: Event
}

export type ServerMessage =
  | {
      readonly type: 'welcome'
      readonly protocol: number
      readonly features: readonly string[]
      readonly server: string
      readonly pingIntervalMs: number
      readonly maxFrameBytes: number
    }
  | { readonly type: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly type: 'error'; readonly id?: number; readonly problem: Problem }
  | { readonly type: 'deliveries'; readonly stream: number; readonly deliveries: readonly WireDelivery[] }
  | { readonly type: 'progress'; readonly stream: number; readonly generation: number; readonly floor: Position }
  | {
      readonly type: 'events'
      readonly stream: number
      readonly events: readonly WireEvent[]
      /** Go on after this. */
      readonly until: Position
    }
  | { readonly type: 'reset'; readonly stream: number; readonly position: Position; readonly message: string }
  | { readonly type: 'closed'; readonly stream: number; readonly problem: Problem }
  | { readonly type: 'pong'; readonly id: number }

const unanswered = new Set(['hello', 'grant', 'abandon'])

/**
 * A message that a client sent. What cannot be understood at all is a `protocol-violation`; a request that is wrong in
 * one of its fields is a `bad-request`, with its `id` in the details so that it can be answered.
 */
export function readClientMessage(value: unknown): ClientMessage {
  const { type, id: request } = (typeof value === 'object' && value !== null ? value : {}) as {
    type?: unknown
    id?: unknown
  }
  if (typeof type !== 'string' || !Object.hasOwn(clientMessages, type)) {
    throw new TidingsError(
      'protocol-violation',
      `A message must be an object whose "type" is one of ${Object.keys(clientMessages).join(', ')}; it is ${JSON.stringify(type)?.slice(0, 60) ?? 'missing'}.`,
    )
  }
  try {
    return clientMessages[type as ClientMessage['type']].read(value, type)
  } catch (cause) {
    if (!(cause instanceof TidingsError)) throw cause
    const answerable = Number.isSafeInteger(request) && !unanswered.has(type)
    throw new TidingsError(answerable ? 'bad-request' : 'protocol-violation', cause.message, {
      cause,
      details: { ...cause.details, ...(answerable && { id: request }) },
    })
  }
}

const serverTypes = new Set([
  'welcome',
  'answer',
  'error',
  'deliveries',
  'progress',
  'events',
  'reset',
  'closed',
  'pong',
])

/** A message that a server sent; one of an unknown type, which a newer server may send, is `undefined`. */
export function readServerMessage(value: unknown): ServerMessage | undefined {
  const { type } = (typeof value === 'object' && value !== null ? value : {}) as { type?: unknown }
  if (typeof type !== 'string')
    throw new TidingsError('protocol-violation', 'The server sent a message without a "type".')
  return serverTypes.has(type) ? (value as ServerMessage) : undefined
}

/** Silence longer than this means that the other side is gone. */
export function silenceLimitMs(pingIntervalMs: number): number {
  return pingIntervalMs * protocolLimits.silentIntervals
}
