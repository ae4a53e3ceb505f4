import { TidingsError } from '../errors.ts'
import { appendEvent, decodeEvent, type ByteTarget, type Event } from '../event/index.ts'

/**
 * A message with events whose payloads no parser touches: `[u8 version][u32 length][JSON]`, then each event as
 * `[u32 length][encoded event]`; numbers are big-endian. In the lists of the JSON `event` is the number of an event.
 */
const formatVersion = 1

/** The lists of messages whose elements carry an `event`. */
export const eventLists = ['events', 'deliveries', 'deadLetters', 'scheduled'] as const

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeFrame(message: object): Uint8Array<ArrayBuffer> {
  const events: Event[] = []
  const header: Record<string, unknown> = { ...message }
  for (const name of eventLists) {
    const elements = header[name]
    if (!Array.isArray(elements)) continue
    header[name] = elements.map((element: { event: Event }) => ({
      ...element,
      event: events.push(element.event) - 1,
    }))
  }
  const text = encoder.encode(JSON.stringify(header))
  const payloads = events.reduce((length, { data }) => length + (data?.length ?? 0), 0)
  const frame = new Frame(headerBytes + text.length + payloads + (events.length + 7) * usualAttributes)
  frame.append(text)
  for (const event of events) frame.appendEvent(event)
  return frame.bytes.subarray(0, frame.length)
}

const headerBytes = 5
/** Of one event, with what says how long it is; room is asked for three times of it. */
const usualAttributes = 300

/** Written in one piece, whose size is guessed well at first. */
class Frame implements ByteTarget {
  bytes: Uint8Array<ArrayBuffer>
  length = 1

  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes)
    this.bytes[0] = formatVersion
  }

  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const longer = new Uint8Array(Math.max(this.length + count, this.bytes.length * 2))
    longer.set(this.bytes.subarray(0, this.length))
    this.bytes = longer
  }

  append(part: Uint8Array): void {
    this.reserve(4 + part.length)
    this.bytes.set(part, this.length + 4)
    this.#close(this.length, this.length + 4 + part.length)
  }

  appendEvent(event: Event): void {
    const start = this.length
    this.reserve(4)
    this.length += 4
    appendEvent(event, this)
    this.#close(start, this.length)
  }

  /** What begins at `start` with the place for its length ends here. */
  #close(start: number, end: number): void {
    new DataView(this.bytes.buffer).setUint32(start, end - start - 4)
    this.length = end
  }
}

/** The message of a frame with its events in place; their payloads are views on the frame. Anything else is a `protocol-violation`. */
export function decodeFrame(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== formatVersion) {
    throw violation(
      `it begins with ${bytes[0] ?? 'nothing'} where format ${formatVersion} is known; upgrade the older side`,
    )
  }
  const header = take(bytes, 1)
  const message = parse(header)
  const events: Event[] = []
  for (let at = 5 + header.length; at < bytes.length;) {
    const event = take(bytes, at)
    events.push(decode(event, events.length))
    at += 4 + event.length
  }
  for (const name of eventLists) {
    const elements = message[name]
    if (Array.isArray(elements)) message[name] = elements.map((element: unknown) => linked(element, events))
  }
  return message
}

function linked(element: unknown, events: readonly Event[]): unknown {
  if (typeof element !== 'object' || element === null) throw violation('an element of its list is no object')
  const event = events[(element as { event?: number }).event ?? -1]
  if (!event) throw violation(`an element of its list refers to an event that is not there (it has ${events.length})`)
  return { ...element, event }
}

function parse(header: Uint8Array): Record<string, unknown> {
  try {
    const message: unknown = JSON.parse(decoder.decode(header))
    if (typeof message === 'object' && message !== null && !Array.isArray(message))
      return message as Record<string, unknown>
  } catch (cause) {
    throw violation('its header is not JSON', cause)
  }
  throw violation('its header is no JSON object')
}

function decode(bytes: Uint8Array, index: number): Event {
  try {
    return decodeEvent(bytes)
  } catch (cause) {
    throw violation(`event ${index} is malformed`, cause)
  }
}

function take(bytes: Uint8Array, at: number): Uint8Array {
  if (at + 4 > bytes.length) throw violation('it ends within a length')
  const end = at + 4 + new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at)
  if (end > bytes.length) throw violation(`it says that a part ends at byte ${end} and has ${bytes.length}`)
  return bytes.subarray(at + 4, end)
}

function violation(reason: string, cause?: unknown): TidingsError {
  return new TidingsError(
    'protocol-violation',
    `A frame is malformed: ${reason}. Nothing of it was done; docs/protocol.md has its form.`,
    { cause },
  )
}
