import { Webhook } from 'standardwebhooks'
import { systemEnvironment } from 'tidings'
import { allowAll, createBroker } from 'tidings/broker'
import type { Engine } from 'tidings/engine'
import { memoryEngine } from 'tidings/engines/memory'
import { describe, expect, it } from 'vitest'
import { Push } from './push.ts'
import { PushStore } from './store.ts'
import { caller, openPush, openReceiver, subscription, temporaryFolder, until } from './push.fixture.ts'

describe('PUT …/push', () => {
  it('answers the secret that it made once, and never shows any again', async () => {
    await using receiver = await openReceiver()
    await using bench = await openPush()
    const first = await bench.ask('PUT', '/push', { url: receiver.url })
    expect(first).toMatchObject({ status: 200, body: { secrets: 1, format: 'structured', timeoutMs: 15_000 } })
    const { secret } = first.body as { secret: string }
    expect(secret).toMatch(/^whsec_/)
    const own = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
    const later = [
      await bench.ask('GET', '/push'),
      await bench.ask('PUT', '/push', { url: receiver.url }),
      await bench.ask('PUT', '/push', { url: receiver.url, secrets: [own] }),
      await bench.ask('POST', '/push/resume'),
      await bench.ask('GET', ''),
      await bench.ask('PUT', '/push', { url: 'https://10.0.0.1/', secrets: [own] }),
    ]
    const said = JSON.stringify([later, bench.alarms])
    for (const each of [secret, own]) expect(said).not.toContain(each.slice('whsec_'.length))
    expect(later.map(({ body }) => body['secret'])).toEqual(later.map(() => undefined))
  })

  it('changes the secret so that a receiver verifies with the one before until the next change', async () => {
    await using receiver = await openReceiver()
    await using bench = await openPush()
    const secrets: string[] = []
    for (const change of [{}, { secrets: 'rotate' }, { secrets: 'rotate' }]) {
      const { body } = await bench.ask('PUT', '/push', { url: receiver.url, ...change })
      secrets.push(String(body['secret']))
      const before = receiver.received.length
      await bench.publish(`a/${before}`)
      await until(() => receiver.received.length === before + 1)
    }
    const isVerified = (message: number, secret: number): boolean => {
      const { body, headers } = receiver.received[message]!
      try {
        new Webhook(secrets[secret]!).verify(body, headers as Record<string, string>)
        return true
      } catch {
        return false
      }
    }
    expect([0, 1, 2].map((message) => [0, 1, 2].map((secret) => isVerified(message, secret)))).toEqual([
      [true, false, false],
      [true, true, false],
      [false, true, true],
    ])
  })

  it.each([
    ['a private address', { url: 'https://10.0.0.1/' }, /not a public address \(private\).*--push-allow/],
    ['the address of credentials', { url: 'http://169.254.169.254/' }, /never allowed/],
    ['plain http', { url: 'http://hooks.example.com/' }, /not reached over https|not https/],
    [
      'a name that means a private address',
      { url: 'https://inside.example.com/' },
      /inside\.example\.com \(10\.1\.2\.3\)/,
    ],
    ['no URL', {}, /url/],
    ['a format that is none', { url: 'https://hooks.example.com/', format: 'xml' }, /format/],
    ['a secret that is none', { url: 'https://hooks.example.com/', secrets: ['secret'] }, /whsec_/],
    ['no secret in a list', { url: 'https://hooks.example.com/', secrets: [] }, /one or two/],
    ['three secrets', { url: 'https://hooks.example.com/', secrets: ['a', 'b', 'c'] }, /secrets/],
    ['a field that is not known', { url: 'https://hooks.example.com/', redirects: true }, /redirects/],
  ])('refuses %s with the reason, and sends nothing', async (_, json, reason) => {
    const resolve = async (host: string): Promise<{ address: string; family: number }[]> => [
      { address: host === 'inside.example.com' ? '10.1.2.3' : '93.184.216.34', family: 4 },
    ]
    await using bench = await openPush({ push: { resolve } })
    const { status, body } = await bench.ask('PUT', '/push', json)
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'bad-request' })
    expect(body['detail']).toMatch(reason)
    expect(await bench.ask('GET', '/push')).toMatchObject({ status: 404, body: { code: 'push-unknown' } })
  })

  it('is for those who may consume the subscription', async () => {
    await using receiver = await openReceiver()
    await using bench = await openPush()
    const as = async (principal: string, method: string, path: string, json?: object): Promise<number> => {
      const url = `${bench.server.url}/v1/default/subscriptions/${subscription}${path}`
      const headers = { 'tidings-principal': principal, 'content-type': 'application/json' }
      return (await fetch(url, { method, headers, ...(json && { body: JSON.stringify(json) }) })).status
    }
    const push = { url: receiver.url }
    expect(await as('partner', 'PUT', '/push', push)).toBe(200)
    for (const [method, path, json] of [
      ['PUT', '/push', push],
      ['GET', '/push'],
      ['POST', '/push/resume'],
      ['DELETE', '/push'],
    ] as const) {
      expect(await as('stranger', method, path, json)).toBe(403)
    }
    expect((await bench.ask('GET', '/push')).body).toMatchObject({ setBy: 'partner' })
  })
})

it('a push ends with DELETE: deliveries wait for consumers again', async () => {
  await using receiver = await openReceiver()
  await using bench = await openPush()
  await bench.ask('PUT', '/push', { url: receiver.url })
  await bench.publish('a/1')
  await until(() => receiver.effects.size === 1)
  expect((await bench.ask('DELETE', '/push')).status).toBe(204)
  await bench.publish('a/2')
  const { deliveries } = await bench.server.broker.pull(caller, { subscription, waitMs: 5_000 })
  expect(deliveries.map(({ event }) => event.id)).toEqual(['2'])
  for (const [method, path] of [
    ['DELETE', '/push'],
    ['POST', '/push/resume'],
  ] as const) {
    expect(await bench.ask(method, path)).toMatchObject({ status: 404, body: { code: 'push-unknown' } })
  }
  expect(receiver.received).toHaveLength(1)
})

it('a push that is moved asks at its new URL for consent before anything is sent there', async () => {
  await using first = await openReceiver()
  await using second = await openReceiver({ consent: (_, response) => response.writeHead(200).end() })
  await using bench = await openPush()
  await bench.ask('PUT', '/push', { url: first.url })
  await bench.publish('a/1')
  await until(() => first.effects.size === 1)
  expect((await bench.ask('PUT', '/push', { url: second.url })).body).toMatchObject({ state: 'unconfirmed' })
  await bench.publish('a/2')
  await until(() => second.asked.length > 2)
  expect([first.received.length, second.received.length]).toEqual([1, 0])
})

describe('a push goes with its subscription', () => {
  it('and not on with another one of the name', async () => {
    await using receiver = await openReceiver()
    await using bench = await openPush()
    await bench.ask('PUT', '/push', { url: receiver.url })
    expect((await bench.ask('DELETE', '')).status).toBe(204)
    await bench.server.broker.putSubscription(caller, { subscription, topic: 'shop.order', from: 'beginning' })
    expect(await bench.ask('GET', '/push')).toMatchObject({ status: 404, body: { code: 'push-unknown' } })
  })

  it('also when somebody else removes that, and when nobody looks', async () => {
    await using receiver = await openReceiver()
    const engine = memoryEngine()
    const broker = createBroker({ engine, authorize: allowAll })
    await broker.start()
    await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
    const store = new PushStore(engine, 'default')
    const parts = { broker, engine, environment: systemEnvironment, namespaces: ['default'], onAlarm: () => undefined }
    const options = { allow: ['127.0.0.1'] }
    for (const stopsFirst of [false, true]) {
      await broker.putSubscription(caller, { subscription, topic: 'shop.order', from: 'beginning' })
      const push = new Push({ ...parts, options })
      await push.start()
      await push.put(caller, { subscription, url: receiver.url })
      expect(await store.load()).toHaveLength(1)
      await until(async () => (await broker.stats(caller, subscription)).consumers === 1)
      if (stopsFirst) {
        await push.stop()
        await store.save({ ...(await store.load())[0]!, state: 'disabled' })
      }
      await broker.removeSubscription(caller, subscription)
      const next = new Push({ ...parts, options })
      if (stopsFirst) await next.start()
      await until(async () => (await store.load()).length === 0)
      await next.stop()
      await push.stop()
    }
    await broker.stop()
  })
})

it('what a push came to is stored when its server has stopped, however long that takes', async () => {
  await using receiver = await openReceiver({ answer: (_, response) => response.writeHead(410).end() })
  const engine = memoryEngine()
  const commit: Engine['ledger']['commit'] = async (...call) => {
    await new Promise((resolve) => setTimeout(resolve, 200))
    return engine.ledger.commit(...call)
  }
  const broker = createBroker({ engine, authorize: allowAll })
  await broker.start()
  await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic: 'shop.order', from: 'beginning' })
  await broker.publish(caller, {
    topic: 'shop.order',
    events: [{ event: { id: '1', source: '/shop', type: 'order' } }],
  })
  let disabled = (): void => undefined
  const alarm = new Promise<void>((resolve) => (disabled = resolve))
  const slow = { ledger: { ...engine.ledger, commit } }
  const parts = { broker, environment: systemEnvironment, namespaces: ['default'], onAlarm: () => disabled() }
  const push = new Push({ ...parts, engine: slow, options: { allow: ['127.0.0.1'] } })
  await push.start()
  await push.put(caller, { subscription, url: receiver.url })
  await alarm
  await push.stop()
  expect(await new PushStore(engine, 'default').load()).toMatchObject([{ state: 'disabled' }])
  await broker.stop()
})

it('a disabled push stays disabled over restarts, says why, and loses nothing when it is resumed', async () => {
  await using folder = await temporaryFolder()
  let isGone = true
  await using receiver = await openReceiver({
    answer(_, response, taken) {
      if (!isGone) taken()
      response.writeHead(isGone ? 410 : 204).end()
    },
  })
  const options = { engine: 'embedded', path: folder.path } as const
  const disabled = { state: 'disabled', reason: 'The endpoint answered 410 Gone.' }
  {
    await using bench = await openPush(options)
    await bench.ask('PUT', '/push', { url: receiver.url })
    await bench.publish('a/1', 'a/2')
    await until(() => bench.alarms.length > 0)
    expect(bench.alarms).toEqual([expect.stringMatching(/^Push of partner\.orders in namespace default is disabled/)])
  }
  {
    await using bench = await openPush(options)
    expect((await bench.ask('GET', '/push')).body).toMatchObject(disabled)
    // Setting the same once more, as programs do when they start, is no decision to go on.
    expect((await bench.ask('PUT', '/push', { url: receiver.url })).body).toMatchObject(disabled)
  }
  await using bench = await openPush(options)
  await bench.publish('a/3')
  expect((await bench.ask('GET', '/push')).body).toMatchObject(disabled)
  expect(receiver.received).toHaveLength(1)
  isGone = false
  expect((await bench.ask('POST', '/push/resume')).body).toMatchObject({ state: 'unconfirmed' })
  await until(() => receiver.effects.size === 3)
  const ids = receiver.received.map(({ body }) => (JSON.parse(body) as { id: string }).id)
  expect(ids).toEqual(['1', '1', '2', '3'])
  expect((await bench.ask('GET', '/push')).body).toMatchObject({ state: 'active' })
})
