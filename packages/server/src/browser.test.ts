import type { connect } from 'tidings'
import { allowAll, createBroker, type Broker } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { openBrowser, openSite, type Site } from './browser.fixture.ts'
import { caller, topic } from './live.fixture.ts'
import { createServer, type Server } from './server.ts'

/** What a page's own script leaves for the test. */
interface Shown {
  readonly ids: string[]
  readonly resets: string[]
  readonly errors: string[]
  readonly answers: unknown[]
}

let browser: Browser | undefined
let site: Site
beforeEach(async (context) => {
  browser ??= await openBrowser(context)
  site = await openSite()
  return () => site[Symbol.asyncDispose]()
})
afterAll(() => browser?.close())

it('an EventSource of another origin gets events, goes on after a restart of the server, and misses nothing', async () => {
  const shop = await Shop.open()
  const page = await site.open(browser!)
  await followByEventSource(page, shop.url)
  await shop.publish('a1', 'a2')
  await shows(page, 'a1', 'a2')
  await shop.down()
  await shop.publish('a3')
  await shop.up()
  await shop.publish('a4')
  await shows(page, 'a1', 'a2', 'a3', 'a4')
  expect((await shown(page)).resets).toEqual([])
  await shop.close()
})

it('an EventSource that has got nothing yet misses nothing of what comes while the server is away', async () => {
  const shop = await Shop.open()
  await shop.publish('before')
  const page = await site.open(browser!)
  await followByEventSource(page, shop.url)
  await shop.down()
  await shop.publish('a1')
  await shop.up()
  await shows(page, 'a1')
  await shop.close()
})

it('an EventSource is told when the history that it needs is gone, and goes on', async () => {
  const shop = await Shop.open()
  const page = await site.open(browser!)
  await followByEventSource(page, shop.url)
  await shop.publish('a1')
  await shows(page, 'a1')
  await shop.down()
  await shop.publish('a2', 'a3')
  await shop.engine.log.trim({ namespace: 'default', topic }, 3)
  await shop.up()
  await until(async () => (await shown(page)).resets.length > 0)
  await shop.publish('a4')
  await shows(page, 'a1', 'a4')
  expect((await shown(page)).resets).toEqual([expect.stringMatching(/lies before what topic .* still holds/)])
  await shop.close()
})

it('the library in a page publishes a task and follows what comes of it, through a store that was wiped', async () => {
  const shop = await Shop.open()
  const page = await site.open(browser!)
  await page.evaluate(
    async ({ url, name }) => {
      const shown: Shown = { ids: [], resets: [], errors: [], answers: [] }
      Object.assign(globalThis, { shown })
      const remote = (globalThis as unknown as { connect: typeof connect }).connect(url)
      const who = { namespace: 'default', principal: 'page' }
      await remote.follow(who, {
        topic: name,
        filter: { exact: { partitionkey: 'a' } },
        onEvents: (events) => void shown.ids.push(...events.map(({ event }) => event.id)),
        onReset: ({ message }) => void shown.resets.push(message),
        onStale: ({ message }) => void shown.errors.push(message),
        onClosed: ({ message }) => void shown.errors.push(message),
      })
      const event = { id: 't1', source: 'page', type: 'shop.do', data: new TextEncoder().encode('{}') }
      shown.answers.push(...(await remote.publish(who, { topic: 'shop.tasks', events: [{ event }] })))
    },
    { url: shop.url, name: topic },
  )
  expect((await shown(page)).answers).toMatchObject([{ status: 'stored' }])
  await shop.publish('a1', 'b1', 'a2')
  await shows(page, 'a1', 'a2')
  await shop.wipe()
  await until(async () => (await shown(page)).resets.length > 0)
  await shop.publish('a3')
  await shows(page, 'a1', 'a2', 'a3')
  await shop.close()
})

it('a page without the library sends a task and gets its answer on one WebSocket', async () => {
  const shop = await Shop.open()
  const page = await site.open(browser!)
  await page.evaluate(
    ({ url, name }) => {
      const shown: Shown = { ids: [], resets: [], errors: [], answers: [] }
      Object.assign(globalThis, { shown })
      const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/default/stream`)
      const send = (message: object): void => socket.send(JSON.stringify(message))
      const task = { specversion: '1.0', id: 't1', source: 'page', type: 'shop.do', correlationid: 'c1' }
      const filter = { exact: { correlationid: 'c1' } }
      socket.addEventListener('open', () => {
        send({ type: 'hello', protocol: 1, features: [], namespace: 'default', principal: 'page' })
        send({ type: 'follow', id: 1, stream: 1, topic: name, filter, json: true })
        send({ type: 'publish', id: 2, topic: 'shop.tasks', events: [JSON.stringify(task)] })
      })
      socket.addEventListener('message', ({ data }) => {
        const message = JSON.parse(data as string) as {
          type: string
          result: unknown
          events: { event: { id: string } }[]
        }
        if (message.type === 'answer') shown.answers.push(message.result)
        if (message.type === 'events') shown.ids.push(...message.events.map(({ event }) => event.id))
      })
    },
    { url: shop.url, name: topic },
  )
  await until(async () => (await shown(page)).answers.length === 2)
  expect((await shown(page)).answers[1]).toMatchObject({ results: [{ status: 'stored' }] })
  await shop.publish('other')
  const answer = { id: 'answer', source: 's', type: topic, extensions: { correlationid: 'c1' } }
  await shop.broker.publish(caller, { topic, events: [{ event: answer }] })
  await shows(page, 'answer')
  await shop.close()
})

it('a page of an origin that is not allowed can neither follow nor call nor open a WebSocket', async () => {
  const shop = await Shop.open({ origins: ['http://127.0.0.1:1'] })
  const page = await site.open(browser!)
  const outcomes = await page.evaluate(async (url) => {
    const source = new EventSource(`${url}/v1/default/topics/things.odd/live`)
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/default/stream`)
    const outcomeOf = (target: EventTarget): Promise<string> =>
      new Promise((resolve) => {
        for (const name of ['open', 'error']) target.addEventListener(name, () => resolve(name))
      })
    const call = fetch(`${url}/v1/default/topics`).then(
      () => 'open',
      () => 'error',
    )
    return Promise.all([outcomeOf(source), outcomeOf(socket), call])
  }, shop.url)
  expect(outcomes).toEqual(['error', 'error', 'error'])
  await shop.close()
})

async function followByEventSource(page: Page, url: string): Promise<void> {
  await page.evaluate(async (address) => {
    const shown: Shown = { ids: [], resets: [], errors: [], answers: [] }
    Object.assign(globalThis, { shown })
    const source = new EventSource(address)
    source.addEventListener('message', ({ data }) => {
      shown.ids.push((JSON.parse(data as string) as { event: { id: string } }).event.id)
    })
    source.addEventListener('reset', (event) => {
      shown.resets.push((JSON.parse((event as MessageEvent).data as string) as { message: string }).message)
    })
    await new Promise((resolve) => source.addEventListener('live', resolve))
  }, `${url}/v1/default/topics/${topic}/live`)
}

function shown(page: Page): Promise<Shown> {
  return page.evaluate(() => (globalThis as unknown as { shown: Shown }).shown)
}

async function shows(page: Page, ...ids: string[]): Promise<void> {
  await until(async () => (await shown(page)).ids.length >= ids.length)
  expect((await shown(page)).ids).toEqual(ids)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** A broker whose server comes and goes at one address. */
class Shop {
  broker!: Broker
  engine = memoryEngine()
  url = ''
  readonly #origins: readonly string[]
  #server: Server | undefined

  private constructor(origins: readonly string[]) {
    this.#origins = origins
  }

  static async open({ origins = [site.origin] }: { origins?: readonly string[] } = {}): Promise<Shop> {
    const shop = new Shop(origins)
    await shop.#fill()
    await shop.up()
    return shop
  }

  async publish(...ids: string[]): Promise<void> {
    const events = ids.map((id) => ({ event: { id, source: 's', type: topic, key: id[0]! } }))
    await this.broker.publish(caller, { topic, events })
  }

  async up(): Promise<void> {
    const port = this.url === '' ? 0 : Number(new URL(this.url).port)
    this.#server = createServer({ broker: this.broker, port, origins: this.#origins })
    await this.#server.start()
    this.url = this.#server.url
  }

  async down(): Promise<void> {
    await this.#server?.stop()
  }

  /** Another store, with the same topics, behind the same address. */
  async wipe(): Promise<void> {
    await this.close()
    this.engine = memoryEngine()
    await this.#fill()
    await this.up()
  }

  async close(): Promise<void> {
    await this.down()
    await this.broker.stop()
  }

  async #fill(): Promise<void> {
    this.broker = createBroker({ engine: this.engine, authorize: allowAll })
    await this.broker.start()
    await this.broker.putTopic(caller, { topic, kind: 'event', owner: 'tester' })
    await this.broker.putTopic(caller, { topic: 'shop.tasks', kind: 'task', owner: 'shop' })
  }
}
