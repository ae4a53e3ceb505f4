import { TidingsError } from '../errors.ts'
import type { AttributeValue, Event } from './event.ts'

/**
 * The stored form of an event, version 1: `[u8 version][u32 length][attributes][payload]`, numbers big-endian. The
 * attributes are a JSON array of the fields below in this order, absent ones `null`; JSON escapes lone surrogates, so
 * every string comes back as it was. The payload is the rest, byte for byte, and the first field says whether there is
 * one at all: empty data is not absent data.
 */
const formatVersion = 1
const headerBytes = 5

type Attributes = [
  hasData: 0 | 1,
  id: string,
  source: string,
  type: string,
  key: string | null,
  subject: string | null,
  time: string | null,
  datacontenttype: string | null,
  dataschema: string | null,
  sequence: string | null,
  sourceepoch: number | null,
  extensions: Readonly<Record<string, AttributeValue>> | null,
]

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const scratch: ByteTarget = {
  bytes: new Uint8Array(4096),
  length: 0,
  reserve(count) {
    if (count > this.bytes.length) this.bytes = new Uint8Array(count)
  },
}

/** A row of bytes that grows: what `appendEvent` writes to. */
export interface ByteTarget {
  /** Longer than `length`: the bytes behind it are free. */
  bytes: Uint8Array
  length: number
  /** Makes room for so many bytes behind `length`; may replace `bytes`. */
  reserve(count: number): void
}

/** The bytes of an event in the newest format; they share nothing with the event. */
export function encodeEvent(event: Event): Uint8Array {
  scratch.length = 0
  appendEvent(event, scratch)
  return scratch.bytes.slice(0, scratch.length)
}

/** What an event counts for where bytes are counted: attributes and payload, in the form of `encodeEvent`. */
export function eventBytes(event: Event): number {
  const known = Decoded.bytesOf(event)
  if (known) return known.length
  scratch.length = 0
  appendEvent(event, scratch)
  return scratch.length
}

/** Writes the same bytes behind those that `target` has. */
export function appendEvent(event: Event, target: ByteTarget): void {
  const known = Decoded.bytesOf(event)
  if (known) {
    target.reserve(known.length)
    target.bytes.set(known, target.length)
    target.length += known.length
    return
  }
  const text = attributesOf(event)
  const data = event.data
  // UTF-8 takes at most three bytes for each UTF-16 unit.
  target.reserve(headerBytes + text.length * 3 + (data?.length ?? 0))
  const { bytes, length: start } = target
  const length = encoder.encodeInto(text, bytes.subarray(start + headerBytes)).written
  bytes[start] = formatVersion
  bytes[start + 1] = length >>> 24
  bytes[start + 2] = length >>> 16
  bytes[start + 3] = length >>> 8
  bytes[start + 4] = length
  const end = start + headerBytes + length
  if (data) bytes.set(data, end)
  target.length = end + (data?.length ?? 0)
}

/**
 * The event in these bytes; its payload is a view on them, not a copy. Rejects bytes of another format as
 * `store-version` and those that were cut off or changed as `store-corrupt`.
 */
export function decodeEvent(bytes: Uint8Array): Event {
  if (bytes.length < headerBytes) throw corrupt(`it has ${bytes.length} bytes, fewer than its header`)
  if (bytes[0] !== formatVersion) {
    throw new TidingsError(
      'store-version',
      `An event is stored in format ${bytes[0]}, this version reads format ${formatVersion}; use the version of Tidings that wrote it or a newer one.`,
      { details: { format: bytes[0] } },
    )
  }
  const end = headerBytes + ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!)
  if (end < headerBytes || end > bytes.length) throw corrupt(`its attributes end at byte ${end} of ${bytes.length}`)
  const attributes = parseAttributes(bytes.subarray(headerBytes, end))
  if (attributes[0] !== 1 && end !== bytes.length) throw corrupt('it has a payload where it says that there is none')
  return eventOf(attributes, bytes, end)
}

/**
 * An event with the bytes that it was read from: they are its encoding, so that what only passes through is never encoded
 * again. A copy of it with something else in it is an event like any other.
 */
class Decoded {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  static bytesOf(event: Event): Uint8Array | undefined {
    return #bytes in event ? event.#bytes : undefined
  }
}

/** What `JSON.stringify` would make of the same array, in half the time. */
function attributesOf(event: Event): string {
  const { sourceepoch, extensions } = event
  const strings = `${quoted(event.id)},${quoted(event.source)},${quoted(event.type)},${quoted(event.key)},${quoted(event.subject)},${quoted(event.time)}`
  const more = `${quoted(event.datacontenttype)},${quoted(event.dataschema)},${quoted(event.sequence)}`
  return `[${event.data ? 1 : 0},${strings},${more},${sourceepoch ?? null},${extensions ? JSON.stringify(extensions) : null}]`
}

/** Everything but the characters that stand in JSON, and in UTF-8, as they are. */
const special = /[^ !#-[\]-\ud7ff\ue000-\uffff]/

function quoted(text: string | undefined): string {
  if (text === undefined) return 'null'
  return special.test(text) ? JSON.stringify(text) : `"${text}"`
}

function parseAttributes(bytes: Uint8Array): Attributes {
  let attributes: unknown
  try {
    attributes = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw corrupt('its attributes are not JSON', cause)
  }
  if (!Array.isArray(attributes) || attributes.length !== 12) throw corrupt('its attributes have another shape')
  return attributes as Attributes
}

function eventOf(attributes: Attributes, bytes: Uint8Array, dataAt: number): Event {
  const [
    hasData,
    id,
    source,
    type,
    key,
    subject,
    time,
    datacontenttype,
    dataschema,
    sequence,
    sourceepoch,
    extensions,
  ] = attributes
  const event: { -readonly [Name in keyof Event]: Event[Name] } = Object.assign(new Decoded(bytes), {
    id,
    source,
    type,
  })
  if (key !== null) event.key = key
  if (subject !== null) event.subject = subject
  if (time !== null) event.time = time
  if (datacontenttype !== null) event.datacontenttype = datacontenttype
  if (dataschema !== null) event.dataschema = dataschema
  if (sequence !== null) event.sequence = sequence
  if (sourceepoch !== null) event.sourceepoch = sourceepoch
  if (extensions !== null) event.extensions = extensions
  if (hasData === 1) event.data = new Uint8Array(bytes.buffer, bytes.byteOffset + dataAt, bytes.length - dataAt)
  return event
}

function corrupt(reason: string, cause?: unknown): TidingsError {
  return new TidingsError(
    'store-corrupt',
    `A stored event is damaged: ${reason}. Restore it from a backup or publish it again.`,
    {
      cause,
    },
  )
}
