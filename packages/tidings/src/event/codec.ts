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
let scratch = new Uint8Array(4096)

/** The bytes of an event in the newest format; they share nothing with the event. */
export function encodeEvent(event: Event): Uint8Array<ArrayBuffer> {
  const text = attributesOf(event)
  // UTF-8 takes at most three bytes for each UTF-16 unit.
  if (text.length * 3 > scratch.length) scratch = new Uint8Array(text.length * 3)
  const length = encoder.encodeInto(text, scratch).written
  const bytes = new Uint8Array(headerBytes + length + (event.data?.length ?? 0))
  bytes[0] = formatVersion
  bytes[1] = length >>> 24
  bytes[2] = length >>> 16
  bytes[3] = length >>> 8
  bytes[4] = length
  bytes.set(scratch.subarray(0, length), headerBytes)
  if (event.data) bytes.set(event.data, headerBytes + length)
  return bytes
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
  if (attributes[0] === 0 && end !== bytes.length) throw corrupt('it has a payload where it says that there is none')
  return eventOf(attributes, new Uint8Array(bytes.buffer, bytes.byteOffset + end, bytes.length - end))
}

function attributesOf(event: Event): string {
  return JSON.stringify([
    event.data ? 1 : 0,
    event.id,
    event.source,
    event.type,
    event.key,
    event.subject,
    event.time,
    event.datacontenttype,
    event.dataschema,
    event.sequence,
    event.sourceepoch,
    event.extensions,
  ])
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

function eventOf(attributes: Attributes, data: Uint8Array): Event {
  const [hasData, id, source, type, key, subject, time, datacontenttype, dataschema, sequence, sourceepoch, extensions] =
    attributes
  const event: { -readonly [Name in keyof Event]: Event[Name] } = { id, source, type }
  if (key !== null) event.key = key
  if (subject !== null) event.subject = subject
  if (time !== null) event.time = time
  if (datacontenttype !== null) event.datacontenttype = datacontenttype
  if (dataschema !== null) event.dataschema = dataschema
  if (sequence !== null) event.sequence = sequence
  if (sourceepoch !== null) event.sourceepoch = sourceepoch
  if (extensions !== null) event.extensions = extensions
  if (hasData === 1) event.data = data
  return event
}

function corrupt(reason: string, cause?: unknown): TidingsError {
  return new TidingsError('store-corrupt', `A stored event is damaged: ${reason}. Restore it from a backup or publish it again.`, {
    cause,
  })
}
