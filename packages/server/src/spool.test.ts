import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type ConnectOptions } from 'tidings'
import type { Broker, PublishAnswer } from 'tidings/broker'
import { fileSpool, type FileSpoolOptions, type RefusedEvent } from 'tidings/spool'
import { mulberry32 } from 'tidings/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { caller, Line, Publisher, Shop, topic, until } from './spool.fixture.ts'

const hourMs = 3_600_000

let folder: string
let shop: Shop
const clients: Broker[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidings-spool-'))
  shop = await Shop.open()
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()))
  await shop.close()
  await rm(folder, { recursive: true })
})

describe('a client with a spool whose server is out of reach', () => {
  it('keeps what is published, and sends it once and in order when the server is back hours later', async () => {
    const line = new Line()
    const client = open({ fetch: line.fetch })
    expect(await publish(client, 'a1')).toEqual(['stored'])
    // The server has these, and the client was never told.
    line.losesAnswers = true
    expect(await publish(client, 'a2', 'b1')).toEqual(['spooled', 'spooled'])
    line.losesAnswers = false
    await shop.down()
    for (let number = 3; number < 30; number++) expect(await publish(client, `a${number}`)).toEqual(['spooled'])
    // Longer than a server remembers identities.
    shop.pass(5 * hourMs)
    await shop.up()
    await shop.stored(30)
    // It is told of the last answer a moment later; from then on nothing is spooled any more.
    await until(async () => (await publish(client, 'a30'))[0] !== 'spooled')
    const ids = await shop.ids()
    expect(ids.filter((id) => id.startsWith('a'))).toEqual(Array.from({ length: 30 }, (_, index) => `a${index + 1}`))
    expect(ids).toHaveLength(31)
  })

  it('lets nothing pass what is spooled, though the server answers others', async () => {
    const line = new Line()
    const client = open({ fetch: line.fetch })
    await client.start()
    line.isCut = true
    expect(await publish(client, 'a1')).toEqual(['spooled'])
    line.isCut = false
    // Most of these come while the first is still on its way.
    const later = await Promise.all(Array.from({ length: 20 }, (_, index) => publish(client, `a${index + 2}`)))
    expect(new Set(later.flat())).toContain('spooled')
    await shop.stored(21)
    expect(await shop.ids()).toEqual(Array.from({ length: 21 }, (_, index) => `a${index + 1}`))
  })

  it('sends what an earlier life left, without being asked', async () => {
    await shop.down()
    const first = open()
    expect(await publish(first, 'a1', 'a2')).toEqual(['spooled', 'spooled'])
    await first.stop()
    await shop.up()
    open()
    await shop.stored(2)
    expect(await shop.ids()).toEqual(['a1', 'a2'])
  })

  it('rejects what does not fit any more, clearly, and loses nothing of what it took', async () => {
    await shop.down()
    const client = open({}, { maxBytes: 3_000 })
    const kept: string[] = []
    let refusal: unknown
    while (!refusal) {
      const id = `a${kept.length + 1}`
      await publish(client, id).then(
        () => kept.push(id),
        (error: unknown) => (refusal = error),
      )
    }
    expect(refusal).toMatchObject({ code: 'spool-full', retryable: true, message: expect.stringContaining(folder) })
    await shop.up()
    await shop.stored(kept.length)
    expect(await shop.ids()).toEqual(kept)
    expect(kept.length).toBeGreaterThan(2)
  })

  it('refuses a second process on the same folder', async () => {
    const holder = await Publisher.start(shop.url, folder, 1)
    const client = open()
    await expect(client.start()).rejects.toMatchObject({ code: 'store-locked' })
    await expect(publish(client, 'a1')).rejects.toThrow(`is in use by process ${holder.pid}`)
    await holder.kill()
  })
})

describe('a refusal', () => {
  it('is an answer: it is not spooled, and others of the call are stored', async () => {
    const client = open()
    expect(await publish(client, 'a1', 'bad1', 'b1', 'bad2', 'b2')).toEqual([
      'stored',
      'schema-violation',
      'stored',
      'schema-violation',
      'stored',
    ])
    await expect(client.publish(caller, { topic: 'no.such', events: [{ event: event('a1') }] })).rejects.toMatchObject({
      code: 'topic-unknown',
    })
  })

  it('of a spooled event is told and kept aside, and the rest goes on in order', async () => {
    await shop.down()
    const refused: RefusedEvent[] = []
    const client = open({}, { onRefused: (each) => refused.push(each) })
    await publish(client, 'a1', 'bad1', 'a2')
    await publish(client, 'bad2', 'a3')
    await shop.up()
    await shop.stored(3)
    expect(await shop.ids()).toEqual(['a1', 'a2', 'a3'])
    expect(refused.map(({ code, event: { id } }) => [id, code])).toEqual([
      ['bad1', 'schema-violation'],
      ['bad2', 'schema-violation'],
    ])
    expect((await readFile(join(folder, 'refused.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(2)
  })

  it('of the whole topic keeps the events until somebody has put that right', async () => {
    const line = new Line()
    line.isCut = true
    const troubles: Error[] = []
    const client = open({ fetch: line.fetch }, { onTrouble: (error) => troubles.push(error) })
    await client.publish(caller, { topic: 'new.topic', events: [{ event: event('a1') }] })
    line.isCut = false
    await until(() => troubles.some((error) => 'code' in error && error.code === 'topic-unknown'))
    await shop.broker.putTopic(caller, { topic: 'new.topic', kind: 'event', owner: 'tester' })
    await until(async () => (await shop.ids('new.topic')).length === 1)
  })
})

it(
  'whatever a publisher was told before kill -9, with a server that comes and goes, arrives once and in order',
  { timeout: 120_000 },
  async () => {
    const random = mulberry32(3)
    const acknowledged: string[] = []
    let spooled = 0
    for (let life = 0; life < 12; life++) {
      if (life % 3 === 1) await shop.down()
      const publisher = await Publisher.start(shop.url, folder, life + 1)
      await publisher.said(20 + Math.floor(random() * 100))
      if (life % 3 === 2) {
        await shop.up()
        shop.pass(hourMs)
        await publisher.said(publisher.lines.length + 50)
      }
      await publisher.kill()
      for (const line of publisher.lines.slice(1)) {
        const [id, status] = line.split(' ')
        acknowledged.push(id!)
        if (status === 'spooled') spooled++
      }
    }
    await shop.up()
    open()
    const stored = await shop.settled(acknowledged)
    expect(stored.length).toBe(new Set(stored).size)
    for (const key of ['a', 'b', 'c']) {
      const numbers = stored.filter((id) => id.startsWith(key)).map((id) => Number(id.slice(1)))
      expect(numbers).toEqual(numbers.toSorted((left, right) => left - right))
    }
    expect(spooled).toBeGreaterThan(100)
  },
)

function open(options: ConnectOptions = {}, spool: Partial<FileSpoolOptions> = {}): Broker {
  const client = connect(shop.url, { WebSocket: null, ...options, spool: fileSpool({ folder, ...spool }) })
  clients.push(client)
  return client
}

function event(id: string) {
  const data = new TextEncoder().encode(id.startsWith('bad') ? '"text"' : '{}')
  return { id, source: 's', type: topic, key: id.startsWith('bad') ? id : id[0]!, data }
}

async function publish(client: Broker, ...ids: string[]): Promise<string[]> {
  const answers = await client.publish(caller, { topic, events: ids.map((id) => ({ event: event(id) })) })
  return answers.map((answer: PublishAnswer) => (answer.status === 'refused' ? answer.code : answer.status))
}
