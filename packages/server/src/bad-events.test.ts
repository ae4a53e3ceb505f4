import { describe, expect, it } from 'vitest'
import { ack, events, expectRefusal, json, openShop, pull, settle, type BadRequest } from './shop.fixture.ts'

const cloudEvent = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 'shop.order' }
const structured = { 'content-type': 'application/cloudevents+json' }
const frame = { 'content-type': 'application/vnd.tidings.frame' }
const deep = '['.repeat(65) + ']'.repeat(65)

const table: readonly BadRequest[] = [
  [
    'a payload that breaks its schema',
    'POST',
    '/topics/shop.checked/events?id=1',
    { json: { total: 'much' } },
    422,
    'schema-violation',
    /\/total must be number.*rule #\/properties\/total\/type/,
  ],
  [
    'an unknown topic',
    'POST',
    '/topics/no.topic/events',
    { json: {} },
    404,
    'topic-unknown',
    /no topic no\.topic .*create it first, or check the name/,
  ],
  [
    'a key that is too long',
    'POST',
    `${events}?key=${'k'.repeat(513)}`,
    { json: {} },
    400,
    'key-invalid',
    /513 bytes in UTF-8; a key has at most 512\. Hash it or shorten it/,
  ],
  [
    'another payload under a known identity',
    'POST',
    `${events}?id=known`,
    { json: { other: 1 } },
    409,
    'id-conflict',
    /"known" of the source .* already stored .*give a different event a new id/,
  ],
  [
    'malformed JSON as a payload',
    'POST',
    events,
    { body: '{"a":', headers: json },
    400,
    'event-invalid',
    /The payload is not acceptable JSON: a value was expected at character 5/,
  ],
  [
    'JSON that is not UTF-8',
    'POST',
    events,
    { body: Uint8Array.of(0x22, 0xff, 0x22), headers: json },
    400,
    'event-invalid',
    /UTF-8/,
  ],
  ['JSON that is too deep', 'POST', events, { body: deep, headers: json }, 400, 'event-invalid', /deeper than 64/],
  [
    'a malformed CloudEvent',
    'POST',
    events,
    { body: '{"specversion":"1.0"}', headers: structured },
    400,
    'event-invalid',
    /the attribute "id" is missing; add it/,
  ],
  [
    'a CloudEvent of another version',
    'POST',
    events,
    { headers: { ...cloudEvent, 'ce-specversion': '0.3' } },
    400,
    'event-invalid',
    /must be "1\.0"/,
  ],
  [
    'a header that is not UTF-8',
    'POST',
    events,
    { headers: { ...cloudEvent, 'ce-subject': '%C0%A0' } },
    400,
    'event-invalid',
    /not valid UTF-8/,
  ],
  [
    'a format of CloudEvents that is not known',
    'POST',
    events,
    { body: 'x', headers: { 'content-type': 'application/cloudevents+avro' } },
    415,
    'bad-request',
    /avro are not known/,
  ],
  [
    'a form',
    'POST',
    events,
    { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    415,
    'bad-request',
    /content-type: application\/json/,
  ],
  [
    'an entity event without a type',
    'POST',
    '/topics/crm.customer/events?key=1',
    { json: {} },
    400,
    'event-invalid',
    /\?type=crm\.customer\.created/,
  ],
  [
    'a malformed frame',
    'POST',
    events,
    { body: Uint8Array.of(1, 0, 0, 0, 9, 1), headers: frame },
    400,
    'protocol-violation',
    /A frame is malformed: .*ends at byte .*Nothing of it was done; .*docs\/protocol\.md/,
  ],
  [
    'a frame of another version',
    'POST',
    events,
    { body: Uint8Array.of(2), headers: frame },
    400,
    'protocol-violation',
    /upgrade the older side/,
  ],
  [
    'a payload over the limit',
    'POST',
    events,
    { body: `"${'x'.repeat(1_048_576)}"`, headers: json },
    413,
    'payload-too-large',
    /has 1048578 bytes; .*at most 1048576\. Send a reference to the data/,
  ],
  [
    'a body over the limit',
    'POST',
    events,
    { body: new Uint8Array(8_388_609), headers: frame },
    413,
    'payload-too-large',
    /more than 8388608 bytes; send fewer events/,
  ],
]

describe('a bad event', () => {
  it.each(table)('%s gets a clear error, and nothing is lost', (...bad) => expectRefusal(bad))
})

describe('what a pull can answer', () => {
  it('gives back what does not fit into one answer, in order', async () => {
    await using bench = await openShop({ limits: { answerBytes: 10_000 } })
    for (const id of ['1', '2', '3']) await bench.call('POST', `${events}?id=${id}&key=k`, { json: 'x'.repeat(6_000) })
    const ids: string[] = []
    for (let round = 0; round < 4; round++) {
      const { deliveries } = (await bench.call('POST', pull, { json: { max: 10 } })).body as unknown as {
        deliveries: { lease: string; event: { id: string } }[]
      }
      expect(deliveries.length).toBeLessThan(3)
      ids.push(...deliveries.map(({ event }) => event.id))
      await bench.call('POST', settle, { json: { outcomes: deliveries.map(({ lease }) => ack(lease)) } })
    }
    expect(ids).toEqual(['known', '1', '2', '3'])
  })

  it('forces data_base64 when asked to', async () => {
    await using bench = await openShop()
    const { deliveries } = (await bench.call('POST', pull, { json: { data: 'base64' } })).body as unknown as {
      deliveries: { event: object }[]
    }
    expect(deliveries[0]!.event).toMatchObject({ data_base64: btoa('{"a":1}') })
    expect(deliveries[0]!.event).not.toHaveProperty('data')
  })
})
