import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { openBench, type Bench } from './bench.fixture.ts'

/**
 * What a client of version 1 of the protocol says, byte for byte and made by none of today's code: a server that is
 * upgraded first serves those that are not yet. These texts never change.
 */
const json = { 'content-type': 'application/json', 'tidings-protocol': '1', 'tidings-principal': 'shop' }
const order =
  '{"specversion":"1.0","id":"1","source":"/shop","type":"shop.order","partitionkey":"a","data":{"total":7}}'

let socket: WebSocket | undefined
afterEach(() => socket?.terminate())

async function prepare({ call }: Bench): Promise<void> {
  const topic = await call('PUT', '/topics/shop.order', { headers: json, body: '{"kind":"event","owner":"shop"}' })
  expect(topic).toMatchObject({ status: 200, body: { topic: 'shop.order', kind: 'event' } })
  expect(topic.headers.get('tidings-protocol')).toBe('1')
  const body = '{"topic":"shop.order","from":"beginning","filter":{"types":["shop.order"]}}'
  const subscription = await call('PUT', '/subscriptions/mail.thanks', { headers: json, body })
  expect(subscription).toMatchObject({ status: 200, body: { subscription: 'mail.thanks' } })
  const headers = { ...json, 'content-type': 'application/cloudevents+json' }
  const stored = await call('POST', '/topics/shop.order/events', { headers, body: order })
  expect(stored).toMatchObject({
    status: 200,
    body: { id: '1', source: '/shop', status: 'stored', position: expect.any(String) },
  })
}

describe('a client of version 1', () => {
  it('publishes, pulls, renews and settles over HTTP', async () => {
    await using bench = await openBench()
    await prepare(bench)
    const { call } = bench
    const path = '/subscriptions/mail.thanks'
    const pulled = await call('POST', `${path}/pull`, {
      headers: json,
      body: '{"max":1,"waitMs":5000,"leaseMs":30000}',
    })
    expect(pulled).toMatchObject({
      status: 200,
      body: { generation: 1, deliveries: [{ attempt: 1, event: { id: '1', partitionkey: 'a', data: { total: 7 } } }] },
    })
    const { lease } = (JSON.parse(pulled.text) as { deliveries: [{ lease: string }] }).deliveries[0]
    const renewed = await call('POST', `${path}/renew`, {
      headers: json,
      body: `{"leases":["${lease}"],"leaseMs":30000}`,
    })
    expect(renewed.body).toEqual({ results: [{ lease, status: 'settled' }] })
    const outcomes = `{"outcomes":[{"lease":"${lease}","action":"ack"}]}`
    const settled = await call('POST', `${path}/settle`, { headers: json, body: outcomes })
    expect(settled.body).toEqual({ results: [{ lease, status: 'settled' }] })
    const read = await call('GET', '/topics/shop.order/events?after=beginning&limit=10', { headers: json })
    expect(read).toMatchObject({ status: 200, body: { events: [{ event: { id: '1' } }] } })
  })

  it('is handed deliveries over WebSocket, and settles them', async () => {
    await using bench = await openBench()
    await prepare(bench)
    const heard: (string | Buffer)[] = []
    const opened = new WebSocket(`${bench.base.replace('http', 'ws')}/stream`)
    socket = opened
    opened.on('message', (data: Buffer, binary) => heard.push(binary ? data : data.toString()))
    await new Promise((resolve) => opened.once('open', resolve))
    const next = async (begin: string | number): Promise<string | Buffer> => {
      for (;;) {
        const found = heard.find((each) =>
          typeof begin === 'number' ? each[0] === begin : String(each).startsWith(begin),
        )
        if (found !== undefined) return found
        await new Promise((resolve) => opened.once('message', resolve))
      }
    }
    opened.send('{"type":"hello","protocol":1,"features":[],"namespace":"default","principal":"mail"}')
    expect(JSON.parse(String(await next('{"type":"welcome"')))).toMatchObject({ protocol: 1, pingIntervalMs: 5_000 })
    opened.send('{"type":"open","id":1,"stream":7,"subscription":"mail.thanks","holder":"h1","leases":[]}')
    opened.send('{"type":"grant","stream":7,"credit":10}')
    expect(JSON.parse(String(await next('{"type":"answer","id":1')))).toMatchObject({ result: { kept: [] } })
    const frame = (await next(1)) as Buffer
    const length = frame.readUInt32BE(1)
    const message = JSON.parse(frame.toString('utf8', 5, 5 + length)) as { deliveries: [{ lease: string }] }
    expect(message).toMatchObject({ type: 'deliveries', stream: 7, deliveries: [{ attempt: 1, event: 0 }] })
    expect(frame.subarray(5 + length).includes('{"total":7}')).toBe(true)
    const [{ lease }] = message.deliveries
    opened.send(
      `{"type":"settle","id":2,"subscription":"mail.thanks","outcomes":[{"lease":"${lease}","action":"ack"}]}`,
    )
    expect(JSON.parse(String(await next('{"type":"answer","id":2')))).toMatchObject({
      result: { results: [{ lease, status: 'settled' }] },
    })
  })
})
