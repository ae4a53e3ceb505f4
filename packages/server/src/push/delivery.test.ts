import { HTTP, type CloudEventV1 } from 'cloudevents'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { caller, openPush, openReceiver, subscription, take, temporaryFolder, until } from './push.fixture.ts'

describe('push', () => {
  it.each(['structured', 'binary', 'batch'] as const)(
    'posts %s CloudEvents that the public libraries read and verify',
    async (format) => {
      await using receiver = await openReceiver()
      await using bench = await openPush()
      const { secret } = (await bench.ask('PUT', '/push', { url: receiver.url, format })).body
      await bench.publish('a/1', 'b/2')
      await until(async () => (await bench.server.broker.stats(caller, subscription)).acknowledged === 2)
      const seen: unknown[] = []
      for (const { headers, body } of receiver.received) {
        const known = headers as Record<string, string>
        new Webhook(String(secret)).verify(body, known)
        expect(known['webhook-request-origin']).toBe('tidings.test')
        seen.push(HTTP.toEvent({ headers: known, body }))
      }
      const events = seen.flat() as CloudEventV1<unknown>[]
      expect(events.map(({ id, source, type, data }) => ({ id, source, type, data }))).toEqual(
        ['1', '2'].map((id) => ({ id, source: '/shop', type: 'shop.order', data: { order: id, name: 'Zoë' } })),
      )
      expect(receiver.received.length).toBe(format === 'batch' ? 1 : 2)
    },
  )

  it('sends an event without a payload as structured, because a POST without a body says nothing', async () => {
    await using receiver = await openReceiver()
    await using bench = await openPush()
    await bench.ask('PUT', '/push', { url: receiver.url, format: 'binary' })
    const event = { id: '1', source: '/shop', type: 'shop.order' }
    await bench.server.broker.publish(caller, { topic: 'shop.order', events: [{ event }] })
    await until(() => receiver.received.length === 1)
    expect(receiver.received[0]!.headers['content-type']).toBe('application/cloudevents+json')
    expect(JSON.parse(receiver.received[0]!.body)).toMatchObject(event)
  })

  it('keeps the order of each key while other keys go on, whatever fails', async () => {
    const underWay = new Set<unknown>()
    let overlaps = 0
    await using receiver = await openReceiver({
      answer(received, response, taken) {
        const { partitionkey } = JSON.parse(received.body) as { partitionkey: string }
        if (underWay.has(partitionkey)) overlaps++
        underWay.add(partitionkey)
        // Later, so that what does not wait for the answer meets it.
        setTimeout(() => {
          underWay.delete(partitionkey)
          if (received.earlier < 2) response.writeHead(500).end()
          else take(received, response, taken)
        }, 5)
      },
    })
    await using bench = await openPush()
    await bench.ask('PUT', '/push', { url: receiver.url })
    const names = Array.from({ length: 30 }, (_, index) => `k${index % 3}/${index}`)
    await bench.publish(...names)
    await until(async () => (await bench.server.broker.stats(caller, subscription)).acknowledged === 30)
    const taken = receiver.received.filter(({ earlier }) => earlier === 2)
    expect(receiver.received).toHaveLength(90)
    expect(overlaps).toBe(0)
    for (const key of [0, 1, 2]) {
      const inOrder = taken
        .map(({ body }) => Number((JSON.parse(body) as { id: string }).id))
        .filter((id) => id % 3 === key)
      expect(inOrder).toEqual(Array.from({ length: 10 }, (_, index) => index * 3 + key))
    }
  })

  it('posts what a batch could not deliver alone, so that one event keeps no others back', async () => {
    await using receiver = await openReceiver({
      answer(received, response, taken) {
        if (received.body.includes('"id":"2"')) response.writeHead(422).end()
        else take(received, response, taken)
      },
    })
    await using bench = await openPush()
    await bench.ask('PUT', '/push', { url: receiver.url, format: 'batch' })
    await bench.publish('a/1', 'b/2', 'c/3')
    await until(async () => (await bench.server.broker.stats(caller, subscription)).acknowledged === 2)
    expect((JSON.parse(receiver.received[0]!.body) as unknown[]).length).toBe(3)
  })

  it('follows no redirect: what it points at is never asked', async () => {
    await using elsewhere = await openReceiver()
    await using receiver = await openReceiver({
      answer(received, response, taken) {
        if (received.earlier < 5)
          response.writeHead([301, 302, 303, 307, 308][received.earlier]!, { location: elsewhere.url }).end()
        else take(received, response, taken)
      },
    })
    await using bench = await openPush()
    await bench.ask('PUT', '/push', { url: receiver.url })
    await bench.publish('a/1')
    await until(() => receiver.effects.size === 1)
    expect(elsewhere.received).toEqual([])
    expect(receiver.received).toHaveLength(6)
  })

  it('goes on after a restart with the same URL, secret and message ids', async () => {
    await using folder = await temporaryFolder()
    await using receiver = await openReceiver({
      answer: (received, response, taken) => {
        if (received.earlier === 0) response.writeHead(503).end()
        else take(received, response, taken)
      },
    })
    const options = { engine: 'embedded', path: folder.path } as const
    let secret: unknown
    {
      await using bench = await openPush({ ...options, push: { delaysMs: [3_600_000] } })
      secret = (await bench.ask('PUT', '/push', { url: receiver.url })).body['secret']
      await bench.publish('a/1')
      await until(() => receiver.received.length === 1)
    }
    await using bench = await openPush(options)
    await bench.publish('b/2')
    await until(() => receiver.received.length === 3)
    for (const { headers, body } of receiver.received) {
      new Webhook(String(secret)).verify(body, headers as Record<string, string>)
    }
    expect((await bench.ask('GET', '/push')).body).toMatchObject({ url: receiver.url, state: 'active', secrets: 1 })
    expect(receiver.asked).toHaveLength(1)
  })
})
