import { describe, expect, it } from 'vitest'
import { TidingsError } from '../errors.ts'
import { decodeEvent, encodeEvent, eventBytes } from './codec.ts'
import type { Event } from './event.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const minimal: Event = { id: '1', source: '/a', type: 't' }
const complete: Required<Event> = {
  id: 'e-1',
  source: '/crm',
  type: 'crm.customer.updated',
  key: 'a.b c*>/%00 😀',
  subject: 'customer/7',
  time: '2024-01-31T12:00:00.123456789Z',
  datacontenttype: 'application/json',
  dataschema: 'urn:crm:customer:2',
  sequence: '00000000009223372036854775807'.slice(-20),
  sourceepoch: 3,
  extensions: { traceparent: '00-ab', retries: 4, urgent: false, empty: '' },
  data: bytesOf('{"a":9223372036854775807,"a":1}'),
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return error instanceof TidingsError ? error.code : String(error)
  }
  return 'nothing was thrown'
}

describe('the stored form of an event', () => {
  it.each([
    ['every attribute', complete],
    ['only the required attributes', minimal],
    ['empty data', { ...minimal, data: new Uint8Array() }],
    ['arbitrary bytes', { ...minimal, data: Uint8Array.from({ length: 256 }, (_, index) => index) }],
    ['lone surrogates', { ...minimal, id: '\ud800', key: 'x\udfffy', extensions: { note: '\udc00' } }],
    ['attributes longer than the scratch memory', { ...minimal, subject: '€'.repeat(10_000), data: bytesOf('x') }],
  ])('keeps %s', (_, event) => {
    expect(decodeEvent(encodeEvent(event))).toEqual(event)
  })

  it('tells empty data from absent data', () => {
    expect('data' in decodeEvent(encodeEvent(minimal))).toBe(false)
    expect(decodeEvent(encodeEvent({ ...minimal, data: new Uint8Array() })).data).toEqual(new Uint8Array())
  })

  it('decodes in the middle of a larger block, the payload a view on it', () => {
    const bytes = encodeEvent(complete)
    const block = new Uint8Array(bytes.length + 20)
    block.set(bytes, 10)
    const event = decodeEvent(block.subarray(10, 10 + bytes.length))
    expect(event).toEqual(complete)
    expect(event.data?.buffer).toBe(block.buffer)
  })

  it('does not change when the event does', () => {
    const data = bytesOf('before')
    const bytes = encodeEvent({ ...minimal, data })
    data.fill(0)
    expect(decodeEvent(bytes).data).toEqual(bytesOf('before'))
  })

  it('passes an event through as the bytes that it was read from, and a changed copy as what it says', () => {
    // Spelled as no encoder of ours spells it.
    const text = bytesOf('[1, "e-\\u0031","/crm","t",null,null,null,null,null,null,null,{ "note":"x"}]')
    const bytes = Uint8Array.from([1, 0, 0, 0, text.length, ...text, 7, 8])
    const event = decodeEvent(bytes)
    expect(encodeEvent(event)).toEqual(bytes)
    expect(eventBytes(event)).toBe(bytes.length)
    expect(decodeEvent(encodeEvent({ ...event, key: 'k' }))).toEqual({ ...event, key: 'k' })
    expect(decodeEvent(encodeEvent({ ...event, data: Uint8Array.of(9) })).data).toEqual(Uint8Array.of(9))
    expect(encodeEvent({ ...event })).toEqual(
      encodeEvent({ id: 'e-1', source: '/crm', type: 't', extensions: { note: 'x' }, data: Uint8Array.of(7, 8) }),
    )
  })

  it('refuses another format version', () => {
    const bytes = encodeEvent(complete)
    bytes[0] = 2
    expect(codeOf(() => decodeEvent(bytes))).toBe('store-version')
  })

  it('refuses an event without payload that was cut off anywhere', () => {
    const bytes = encodeEvent(minimal)
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => decodeEvent(bytes.subarray(0, length)))).toBe('store-corrupt')
    }
  })

  it('refuses attributes that were changed into something else', () => {
    const bytes = encodeEvent(minimal)
    expect(codeOf(() => decodeEvent(bytes.with(5, 0x7b)))).toBe('store-corrupt')
    expect(codeOf(() => decodeEvent(bytes.with(7, 0xff)))).toBe('store-corrupt')
    expect(codeOf(() => decodeEvent(bytes.with(1, 0xff)))).toBe('store-corrupt')
    expect(codeOf(() => decodeEvent(new Uint8Array([...bytes, 1])))).toBe('store-corrupt')
  })
})
