import { TidingsError } from '../errors.ts'
import { attributesOf, eventOfAttributes, isJsonType } from './attributes.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import type { Event } from './event.ts'
import { decodeUtf8, elementSlices, guarded, jsonText, memberSlices, type Slice } from './json-slices.ts'
import { hasLoneSurrogate } from './names.ts'

/** The JSON format of CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). */
export const structuredType = 'application/cloudevents+json'
export const batchType = 'application/cloudevents-batch+json'

const encoder = new TextEncoder()

/** The event that a structured message carries. The payload of `data` is its very text. */
export function parseStructured(body: Uint8Array): Event {
  const text = decodeUtf8(body, 'event-invalid', 'The event')
  return guarded('event-invalid', 'The event', () => eventAt(text, { start: 0, end: text.length }))
}

/** The events of a batch, in order; one that is at fault refuses the whole, and the message names its place. */
export function parseBatch(body: Uint8Array): readonly Event[] {
  const text = decodeUtf8(body, 'event-invalid', 'The batch')
  const elements = guarded('event-invalid', 'The batch', () => elementSlices(text))
  if (!elements) throw new TidingsError('event-invalid', 'A batch must be a JSON array of CloudEvents.')
  return elements.map((slice, index) => {
    try {
      return eventAt(text, slice)
    } catch (cause) {
      if (!(cause instanceof TidingsError)) throw cause
      throw new TidingsError(
        cause.code,
        `Event ${index} of the batch: ${cause.message} Nothing of the batch was stored.`,
        {
          cause,
          details: { ...cause.details, index },
        },
      )
    }
  })
}

/**
 * A structured message as JSON text. A payload that claims to be JSON and is goes into `data` as it stands, every other
 * one, or each with `base64`, into `data_base64`.
 */
export function formatStructured(event: Event, options: { base64?: boolean } = {}): string {
  // Built by hand, because the payload must not pass through a JSON parser.
  const members = [...attributesOf(event)].map(([name, value]) => `"${name}":${JSON.stringify(value)}`)
  if (event.data) members.push(dataMember(event.data, isJsonType(event.datacontenttype) && !options.base64))
  return `{${members.join(',')}}`
}

export function formatBatch(events: readonly Event[]): string {
  return `[${events.map((event) => formatStructured(event)).join(',')}]`
}

function dataMember(data: Uint8Array, raw: boolean): string {
  const text = raw ? jsonText(data) : undefined
  return text === undefined ? `"data_base64":"${encodeBase64(data)}"` : `"data":${text}`
}

function eventAt(text: string, slice: Slice): Event {
  const members = memberSlices(text, slice)
  if (!members) throw new TidingsError('event-invalid', 'A CloudEvent in the JSON format must be an object.')
  const attributes = new Map<string, unknown>()
  let data: string | undefined
  let base64: string | undefined
  const seen = new Set<string>()
  for (const [name, { start, end }] of members) {
    if (seen.has(name))
      throw new TidingsError(
        'event-invalid',
        `The member ${JSON.stringify(name)} stands twice in the event; send it once.`,
      )
    seen.add(name)
    const value = text.slice(start, end)
    if (name === 'data') data = value
    else if (name === 'data_base64') base64 = value
    else attributes.set(name, JSON.parse(value))
  }
  if (data !== undefined && base64 !== undefined) {
    throw new TidingsError('event-invalid', 'The event has both "data" and "data_base64"; send one of them.')
  }
  return eventOfAttributes(attributes, payloadOf(data, base64, attributes.get('datacontenttype')))
}

function payloadOf(data: string | undefined, base64: string | undefined, contentType: unknown): Uint8Array | undefined {
  if (base64 !== undefined) {
    const value: unknown = JSON.parse(base64)
    const bytes = typeof value === 'string' ? decodeBase64(value) : undefined
    if (!bytes)
      throw new TidingsError(
        'event-invalid',
        '"data_base64" is not padded base64 in a JSON text; encode the payload again.',
      )
    return bytes
  }
  if (data === undefined) return undefined
  const isText = data.startsWith('"') && typeof contentType === 'string' && !isJsonType(contentType)
  return encoder.encode(isText ? unquoted(data) : data)
}

/** A payload that is not JSON travels as a JSON text; its characters are the payload. */
function unquoted(data: string): string {
  const value = JSON.parse(data) as string
  if (hasLoneSurrogate(value)) {
    throw new TidingsError(
      'event-invalid',
      '"data" holds half of a surrogate pair, which UTF-8 cannot carry; send the payload as "data_base64".',
    )
  }
  return value
}
