import { TidingsError } from '../errors.ts'
import { attributesOf, eventOfAttributes } from './attributes.ts'
import type { Event } from './event.ts'

/**
 * The binary mode of the HTTP binding of CloudEvents 1.0
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md, section 3.1): the
 * attributes are `ce-` headers, the payload is the body.
 */
export type Header = readonly [name: string, value: string]

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The event that headers and body carry. An empty body is no payload. */
export function parseBinary(headers: Iterable<Header>, body: Uint8Array): Event {
  return eventOfAttributes(headerAttributes(headers), body.length === 0 ? undefined : body)
}

/** The attributes that headers carry, decoded; `datacontenttype` is the `content-type`. */
export function headerAttributes(headers: Iterable<Header>): Map<string, string> {
  const attributes = new Map<string, string>()
  for (const [header, value] of headers) {
    const lower = header.toLowerCase()
    const name = lower === 'content-type' ? 'datacontenttype' : lower.startsWith('ce-') ? lower.slice(3) : undefined
    if (name === undefined) continue
    if (lower === 'ce-datacontenttype') throw invalid('the header ce-datacontenttype is not allowed; send content-type')
    if (attributes.has(name)) throw invalid(`the header ${lower} stands twice; send it once`)
    attributes.set(name, lower === 'content-type' ? value : decodeHeader(lower, value))
  }
  return attributes
}

/** Headers and body that carry the event. */
export function formatBinary(event: Event): { readonly headers: readonly Header[]; readonly body: Uint8Array } {
  const headers: Header[] = []
  for (const [name, value] of attributesOf(event)) {
    headers.push(
      name === 'datacontenttype' ? ['content-type', String(value)] : [`ce-${name}`, encodeHeader(String(value))],
    )
  }
  return { headers, body: event.data ?? new Uint8Array(0) }
}

/** Space, `"`, `%` and everything outside U+0021 to U+007E become percent-encoded UTF-8. */
function encodeHeader(value: string): string {
  return value.replace(/[^\x21\x23\x24\x26-\x7e]+/gu, (part) => {
    let encoded = ''
    for (const byte of encoder.encode(part)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    return encoded
  })
}

/** First quotes are taken off, then one round of percent-decoding; characters of a header stand for bytes. */
function decodeHeader(header: string, value: string): string {
  const text = unquote(header, value.trim())
  const bytes = new Uint8Array(text.length)
  let length = 0
  for (let index = 0; index < text.length; index++) {
    if (text[index] !== '%') {
      bytes[length++] = text.charCodeAt(index)
      continue
    }
    const digits = text.slice(index + 1, index + 3)
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) {
      throw invalid(`the header ${header} has a "%" without two hexadecimal digits; encode a percent sign as %25`)
    }
    bytes[length++] = Number.parseInt(digits, 16)
    index += 2
  }
  try {
    return decoder.decode(bytes.subarray(0, length))
  } catch (cause) {
    throw invalid(`the header ${header} is not valid UTF-8 after percent-decoding`, cause)
  }
}

function unquote(header: string, value: string): string {
  if (!value.startsWith('"')) return value
  if (!/^"(?:[^"\\]|\\.)*"$/s.test(value)) throw invalid(`the header ${header} has an opening quote without its end`)
  return value.slice(1, -1).replace(/\\(.)/gs, '$1')
}

function invalid(reason: string, cause?: unknown): TidingsError {
  return new TidingsError('event-invalid', `The request is not a CloudEvent: ${reason}.`, { cause })
}
