import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { formatBinary, parseBinary } from './cloudevents-binary.ts'
import { formatBatch, formatStructured, parseBatch, parseStructured } from './cloudevents-json.ts'
import type { Event } from './event.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data)
const required = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': 's', 'ce-type': 't' }
const binary = (headers: Record<string, string>, body = ''): Event =>
  parseBinary(Object.entries({ ...required, ...headers }), bytes(body))
const structured = (members: string): Event =>
  parseStructured(bytes(`{"specversion":"1.0","id":"1","source":"s","type":"t"${members}}`))

// What HTTP headers and the specification's strings can carry; the payload is anything.
const wellFormed = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((each) => !/[\p{Cc}\p{Noncharacter_Code_Point}]/u.test(each))
const events: fc.Arbitrary<Event> = fc.record(
  {
    id: wellFormed,
    source: wellFormed,
    type: wellFormed,
    key: wellFormed,
    subject: wellFormed,
    time: fc.constant('2030-01-31T12:00:00.5+01:00'),
    datacontenttype: fc.constantFrom('application/json', 'text/plain; charset=utf-8', 'application/vnd.x+json'),
    sequence: fc.constant('00000000000000000042'),
    sourceepoch: fc.nat(),
    extensions: fc.dictionary(fc.constantFrom('traceparent', 'correlationid'), wellFormed, { minKeys: 1 }),
    data: fc.oneof(fc.uint8Array({ minLength: 1 }), fc.json().map(bytes)),
  },
  { requiredKeys: ['id', 'source', 'type'] },
)

describe('every mode', () => {
  it('carries every event unchanged', () => {
    fc.assert(
      fc.property(events, (event) => {
        const { headers, body } = formatBinary(event)
        for (const [, value] of headers) expect(value).toMatch(/^[\x20-\x7e]*$/)
        expect(parseBinary(headers, body)).toEqual(event)
        expect(parseStructured(bytes(formatStructured(event)))).toEqual(event)
        expect(parseStructured(bytes(formatStructured(event, { base64: true })))).toEqual(event)
        expect(parseBatch(bytes(formatBatch([event, event])))).toEqual([event, event])
      }),
    )
  })
})

describe('parseBinary()', () => {
  it('decodes the example of the specification', () => {
    expect(binary({ 'ce-subject': 'Euro%20%E2%82%AC%20%F0%9F%98%80' }).subject).toBe('Euro € 😀')
    const { headers } = formatBinary({ id: '1', source: 's', type: 't', subject: 'Euro € 😀' })
    expect(new Map(headers).get('ce-subject')).toBe('Euro%20%E2%82%AC%20%F0%9F%98%80')
  })

  it('takes quotes off before one round of percent-decoding', () => {
    expect(binary({ 'ce-subject': '"a \\"b\\" %2525 c"' }).subject).toBe('a "b" %25 c')
    expect(binary({ 'ce-subject': 'lower%e2%82%ac%41' }).subject).toBe('lower€A')
  })

  it('takes the content type as datacontenttype and an empty body as no payload', () => {
    expect(binary({ 'content-type': 'application/json' })).toEqual({
      id: '1',
      source: 's',
      type: 't',
      datacontenttype: 'application/json',
    })
  })

  it.each([
    ['UTF-8 that is invalid', { 'ce-subject': '%C0%A0' }, /ce-subject is not valid UTF-8/],
    ['a header in Latin-1', { 'ce-subject': 'caf\u00e9' }, /not valid UTF-8/],
    ['a broken escape', { 'ce-subject': '100%' }, /encode a percent sign as %25/],
    ['an open quote', { 'ce-subject': '"abc' }, /opening quote/],
    ['ce-datacontenttype', { 'ce-datacontenttype': 'text/plain' }, /send content-type/],
    ['another version', { 'ce-specversion': '0.3' }, /"specversion" is "0.3"/],
    ['an empty id', { 'ce-id': '' }, /"id" must be a text that is not empty/],
    ['a name with a dash', { 'ce-my-name': 'x' }, /"my-name" is not an attribute name/],
    ['an attribute named data', { 'ce-data': 'x' }, /"data" is not an attribute name/],
    ['a line break', { 'ce-subject': 'a%0Ab' }, /control character/],
    ['an impossible time', { 'ce-time': '2030-13-01T00:00:00Z' }, /RFC 3339/],
    ['a sequence of letters', { 'ce-sequence': 'abc' }, /1 to 20 decimal digits/],
    ['too much of everything', { 'ce-subject': 'x'.repeat(20_000) }, /at most 16384/],
  ])('refuses %s', (_, headers: Record<string, string>, message) => {
    expect(() => binary(headers)).toThrow(message)
  })

  it('refuses a header that stands twice', () => {
    expect(() => parseBinary([...Object.entries(required), ['CE-ID', '2']], bytes(''))).toThrow(/ce-id stands twice/)
  })
})

describe('parseStructured()', () => {
  it('keeps the very text of data: large numbers, duplicate keys, spaces and lone surrogates', () => {
    const payload = '{ "n": 9223372036854775807,\n "a":1, "a":2, "s":"\\ud800", "__proto__": 1.0 }'
    const event = structured(`,"data":${payload}`)
    expect(text(event.data)).toBe(payload)
    expect(formatStructured(event)).toContain(`"data":${payload}`)
  })

  it('takes a text as payload of a content type that is not JSON', () => {
    expect(text(structured(',"datacontenttype":"text/xml","data":"<a>\\u00fc</a>"').data)).toBe('<a>ü</a>')
    expect(text(structured(',"datacontenttype":"application/x+json","data":"a"').data)).toBe('"a"')
  })

  it('takes null for an attribute that is absent', () => {
    expect(structured(',"subject":null,"data":null')).toEqual({ id: '1', source: 's', type: 't', data: bytes('null') })
  })

  it.each([
    ['a member that stands twice', ',"subject":"a","subject":"b"', /"subject" stands twice/],
    ['both kinds of data', ',"data":1,"data_base64":"AA=="', /both "data" and "data_base64"/],
    ['broken base64', ',"data_base64":"A=="', /padded base64/],
    ['an object as attribute', ',"subject":{}', /"subject" must be a text/],
    ['a large number as extension', ',"order":9007199254740993', /whole number of 32 bits/],
    ['a sequence that a parser has rounded', ',"sequence":9007199254740993', /decimal digits/],
    ['half a surrogate pair', ',"subject":"\\ud800"', /surrogate/],
    [
      'half a surrogate pair as a payload that is no JSON',
      ',"datacontenttype":"text/plain","data":"\\ud800"',
      /surrogate/,
    ],
    ['a key that is too long', `,"partitionkey":"${'k'.repeat(513)}"`, /at most 512/],
    ['a member name in capitals', ',"traceParent":"x"', /"traceParent" is not an attribute name/],
  ])('refuses %s', (_, members, message) => {
    expect(() => structured(members)).toThrow(message)
  })

  it('refuses what is no object and what is no UTF-8', () => {
    expect(() => parseStructured(bytes('[]'))).toThrow(/must be an object/)
    expect(() => parseStructured(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow(/not valid UTF-8/)
  })
})

describe('parseBatch()', () => {
  it('names the event that refuses the whole', () => {
    const good = formatStructured({ id: '1', source: 's', type: 't' })
    expect(() => parseBatch(bytes(`[${good},{"specversion":"1.0"}]`))).toThrow(
      /^Event 1 of the batch: .*"id" is missing/,
    )
  })
})

describe('formatStructured()', () => {
  it('puts what claims to be JSON and is not into data_base64', () => {
    const event = {
      id: '1',
      source: 's',
      type: 't',
      datacontenttype: 'application/json',
      data: Uint8Array.of(0x22, 0xff, 0x22),
    }
    expect(formatStructured(event)).toContain('"data_base64":"Iv8i"')
  })
})

describe('base64', () => {
  it('is what btoa and atob make of it, and nothing sloppier', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (data) => {
        expect(decodeBase64(encodeBase64(data))).toEqual(data)
      }),
    )
    expect(encodeBase64(new Uint8Array(100_000))).toBe(btoa('\0'.repeat(100_000)))
    for (const sloppy of ['AA', 'AB==', 'A A=', 'AA=A', '====', 'AA=\u00e9'])
      expect(decodeBase64(sloppy)).toBeUndefined()
  })
})
