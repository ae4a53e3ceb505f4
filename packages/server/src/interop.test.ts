import { CloudEvent, emitterFor, HTTP, httpTransport, Mode } from 'cloudevents'
import type { Caller, Delivery } from 'tidings/broker'
import { batchType, formatBatch, formatBinary, formatStructured, structuredType, type Event } from 'tidings/event'
import { describe, expect, it } from 'vitest'
import { openBench, type Bench } from './bench.fixture.ts'

/** The public JavaScript SDK of CloudEvents as the other side, against the real server. */
const caller: Caller = { namespace: 'default', principal: 'tester' }
const sent = {
  id: 'o1',
  source: '/shop/eu',
  type: 'shop.order',
  subject: 'orders/o1',
  time: '2030-01-31T12:00:00.000Z',
  partitionkey: 'c7',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  datacontenttype: 'application/json',
  dataschema: 'https://example.com/order.json',
  data: { total: 12.5, text: 'Euro € 😀' },
}
const expected: Partial<Event> = {
  id: 'o1',
  source: '/shop/eu',
  type: 'shop.order',
  subject: 'orders/o1',
  time: '2030-01-31T12:00:00.000Z',
  key: 'c7',
  dataschema: 'https://example.com/order.json',
  extensions: { traceparent: sent.traceparent },
}

describe('the public cloudevents client', () => {
  it.each([
    ['binary', Mode.BINARY],
    ['structured', Mode.STRUCTURED],
  ])('publishes in %s mode', async (_, mode) => {
    await using bench = await openShop()
    const emit = emitterFor(httpTransport(`${bench.base}/topics/shop.order/events`), { mode })
    const answer = (await emit(new CloudEvent(sent))) as { body: string }
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'stored', id: 'o1', source: '/shop/eu' })
    const again = (await emit(new CloudEvent(sent))) as { body: string }
    expect(JSON.parse(again.body)).toMatchObject({ status: 'duplicate' })
    const [{ event }] = (await deliveries(bench)) as [Delivery]
    expect(event).toMatchObject(expected)
    expect(JSON.parse(text(event.data))).toEqual(sent.data)
  })

  it.each([
    // This client writes headers as they are; only in structured mode may it be given what they would have to escape.
    ['binary', Mode.BINARY, {}],
    ['structured', Mode.STRUCTURED, { dataref: 'https://example.com/%C3%BC?a=1', severitytext: 'büro "7" 100% 😀' }],
  ])('has every attribute and extension carried in %s mode, and 64 KiB of data', async (_, mode, texts) => {
    await using bench = await openShop()
    const extensions = {
      tracestate: 'vendor=1,other=2',
      sequence: '00000000000000000007',
      expirytime: '2031-01-01T00:00:00Z',
      correlationid: 'c1',
      causationid: 'c0',
      recordedtime: '2030-01-31T12:00:01Z',
      ...texts,
    }
    const data = { text: 'x'.repeat(65_536) }
    const emit = emitterFor(httpTransport(`${bench.base}/topics/shop.order/events`), { mode })
    await emit(new CloudEvent({ ...sent, ...extensions, data }))
    const pulled = await bench.call('POST', '/subscriptions/mail.all/pull', { json: {} })
    const [delivery] = pulled.body['deliveries'] as unknown as [{ event: object }]
    expect(received(structuredType, JSON.stringify(delivery.event))).toMatchObject({ ...sent, ...extensions, data })
  })

  it.each([
    ['structured', 'Application/CloudEvents+JSON; charset=UTF-8', (event: object) => event],
    ['a batch', 'APPLICATION/CLOUDEVENTS-BATCH+JSON', (event: object) => [event]],
  ])('may write the content type of %s in any case', async (_, contentType, bodyOf) => {
    await using bench = await openShop()
    const body = JSON.stringify(bodyOf(new CloudEvent(sent)))
    const answer = await bench.call('POST', '/topics/shop.order/events', {
      headers: { 'content-type': contentType },
      body,
    })
    expect(answer.status).toBe(200)
    expect((await deliveries(bench))[0]!.event).toMatchObject(expected)
  })

  it('publishes bytes in structured mode as data_base64', async () => {
    await using bench = await openShop()
    const emit = emitterFor(httpTransport(`${bench.base}/topics/shop.order/events`), { mode: Mode.STRUCTURED })
    await emit(
      new CloudEvent({ ...sent, datacontenttype: 'application/octet-stream', data: Uint8Array.of(0, 255, 128) }),
    )
    const [{ event }] = (await deliveries(bench)) as [Delivery]
    expect(event.data).toEqual(Uint8Array.of(0, 255, 128))
  })

  it('publishes a batch', async () => {
    await using bench = await openShop()
    const events = ['1', '2', '3'].map((id) => new CloudEvent({ ...sent, id }))
    const headers = { 'content-type': batchType }
    const answer = await bench.call('POST', '/topics/shop.order/events', { headers, body: JSON.stringify(events) })
    expect(answer.status).toBe(200)
    expect(answer.body['results']).toMatchObject([{ status: 'stored' }, { status: 'stored' }, { status: 'stored' }])
    expect((await deliveries(bench)).map(({ event }) => event.id)).toEqual(['1', '2', '3'])
  })

  it('is told how many events one batch may have', async () => {
    await using bench = await openShop()
    const events = Array.from({ length: 1_001 }, (_, index) => new CloudEvent({ ...sent, id: String(index) }))
    const headers = { 'content-type': batchType }
    const answer = await bench.call('POST', '/topics/shop.order/events', { headers, body: JSON.stringify(events) })
    expect([answer.status, answer.body['detail']]).toEqual([400, expect.stringMatching(/1001 events, at most 1000/)])
    expect(await deliveries(bench)).toEqual([])
  })

  it('gets a CloudEvent out of a POST that has no headers at all', async () => {
    await using bench = await openShop()
    const answer = await bench.call('POST', '/topics/shop.order/events', { body: bytes('{"total":1}') })
    expect(answer.body).toMatchObject({ status: 'stored' })
    const pulled = await bench.call('POST', '/subscriptions/mail.all/pull')
    const [delivery] = pulled.body['deliveries'] as unknown as [{ event: object }]
    expect(received(structuredType, JSON.stringify(delivery.event))).toMatchObject({
      id: answer.body['id'],
      source: 'operator',
      type: 'shop.order',
      data: { total: 1 },
    })
  })

  it('understands what a pull answers', async () => {
    await using bench = await openShop()
    await bench.call('POST', '/topics/shop.order/events?id=o1&key=c7', {
      json: sent.data,
      headers: { 'ce-subject': 'caf%C3%A9' },
    })
    const answer = await bench.call('POST', '/subscriptions/mail.all/pull', { json: {} })
    const [delivery] = answer.body['deliveries'] as unknown as [{ event: object }]
    const event = received(structuredType, JSON.stringify(delivery.event)) as CloudEvent<unknown>
    expect(event).toMatchObject({
      id: 'o1',
      source: 'operator',
      type: 'shop.order',
      partitionkey: 'c7',
      subject: 'café',
      data: sent.data,
    })
  })

  it('understands each mode that Tidings writes', () => {
    const event: Event = {
      id: '1',
      source: '/s',
      type: 't',
      key: 'k',
      datacontenttype: 'application/json',
      data: bytes('{"a":1}'),
    }
    const { headers, body } = formatBinary(event)
    const wanted = { id: '1', source: '/s', type: 't', partitionkey: 'k', data: { a: 1 } }
    expect(HTTP.toEvent({ headers: Object.fromEntries(headers), body: text(body) })).toMatchObject(wanted)
    expect(received(structuredType, formatStructured(event))).toMatchObject(wanted)
    expect(received(batchType, formatBatch([event, event]))).toMatchObject([wanted, wanted])
  })
})

function received(contentType: string, body: string): unknown {
  return HTTP.toEvent({ headers: { 'content-type': contentType }, body })
}

async function openShop(): Promise<Bench> {
  const bench = await openBench()
  await bench.broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  await bench.broker.putSubscription(caller, { subscription: 'mail.all', topic: 'shop.order', from: 'beginning' })
  return bench
}

async function deliveries(bench: Bench): Promise<readonly Delivery[]> {
  return (await bench.broker.pull(caller, { subscription: 'mail.all', max: 10 })).deliveries
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

function text(data: Uint8Array | undefined): string {
  return new TextDecoder().decode(data)
}
