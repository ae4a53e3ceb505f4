import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import Libsql from 'libsql'
import { connect, consume, type Consumer } from 'tidings'
import type { Broker, PublishAnswer } from 'tidings/broker'
import type { Event } from 'tidings/event'
import { mulberry32 } from 'tidings/testing'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { readAll, serverProgram, startProcess, untilAnswered } from './kill.fixture.ts'

/**
 * A service whose handler writes a row for each event; nothing in its table keeps the same row from being there twice.
 * It is killed too: one that lives remembers what it has handled, and is not handed it again.
 */
const effectsProgram = `
  import Libsql from 'libsql'
  import { connect, createService, defineContract, defineEvent } from 'tidings'
  import { sqliteDatabase } from 'tidings/databases/sqlite'
  import { WebSocket } from 'ws'
  import { z } from 'zod'
  const [file, url] = process.argv.slice(1)
  const client = new Libsql(file)
  client.exec('pragma journal_mode = wal; create table if not exists effect (id text not null)')
  const load = defineContract('load', { event: defineEvent({ schema: z.object({ text: z.string() }) }) })
  const service = createService({
    contract: defineContract('audit', {}),
    broker: connect(url, { WebSocket }),
    database: sqliteDatabase({ client }),
    report: () => undefined,
  })
  service.on('write-down', load.event, { from: 'beginning' }, ({ event, transaction }) =>
    transaction((tx) => tx.query('insert into effect (id) values (?)', [event.id])),
  )
  await service.start()
  console.log('started')
`
const caller = { namespace: 'default', principal: 'operator' }
const topic = 'load.event'
const subscription = 'load.all'
const effectsSubscription = 'audit.write-down'
const lives = 20
const producers = 4
const eventsPerBatch = 10
const seed = 7

it(
  'after kill -9 at 20 random moments under load every acknowledged event is there, once and in order, and no database effect happened twice',
  { timeout: 240_000 },
  async () => {
    const path = await mkdtemp(join(tmpdir(), 'tidings-kill-'))
    const random = mulberry32(seed)
    const load = new Load()
    const store = join(path, 'store')
    const effectsFile = join(path, 'effects.db')
    let server = await startProcess(serverProgram, store, '0')
    let effects = await startProcess(effectsProgram, effectsFile, server.line)
    try {
      const port = Number(new URL(server.line).port)
      const broker = connect(server.line, { WebSocket })
      await broker.putTopic(caller, { topic, kind: 'event', owner: 'load' })
      await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
      const running = load.run(broker)
      const consumer = load.consume(broker)
      for (let life = 0; life < lives; life++) {
        await Promise.race([load.progress(), running])
        // Only a service that is at work can have an effect twice.
        const before = readEffects(effectsFile).length
        while (effects.isAlive() && readEffects(effectsFile).length === before) await pause(5)
        await pause(random() * 60)
        await server.kill()
        if (life % 4 === 3) await effects.kill()
        server = await startProcess(serverProgram, store, String(port))
        if (life % 4 === 3) effects = await startProcess(effectsProgram, effectsFile, server.line)
      }
      load.stop()
      await running
      for (const each of [subscription, effectsSubscription])
        while (effects.isAlive() && (await broker.stats(caller, each)).pending > 0) await pause(20)
      await consumer.stop()

      const stored = await readAll(broker, caller, topic)
      const distinct = new Set(stored)
      expect(stored.length).toBe(distinct.size)
      expect(load.refused).toEqual([])
      expect(load.acknowledged.filter((id) => !distinct.has(id))).toEqual([])
      for (let producer = 0; producer < producers; producer++) {
        const numbers = stored.filter((id) => id.startsWith(`${producer}-`)).map((id) => Number(id.split('-')[1]))
        expect(numbers).toEqual(numbers.map((_, index) => index + 1))
      }
      expect(load.deliveredAfterSettled).toEqual([])
      expect(load.handled).toEqual(distinct)
      expect(load.settled.size).toBeGreaterThan(0)
      await effects.kill()
      expect(readEffects(effectsFile, 'group by id having count(*) > 1')).toEqual([])
      expect(new Set(readEffects(effectsFile))).toEqual(distinct)
    } finally {
      await Promise.all([server.kill(), effects.kill()])
      await rm(path, { recursive: true })
    }
  },
)

it('a service whose server was killed lives on, and goes on when there is one again', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tidings-kill-'))
  const [store, effectsFile] = [join(path, 'store'), join(path, 'effects.db')]
  let server = await startProcess(serverProgram, store, '0')
  const effects = await startProcess(effectsProgram, effectsFile, server.line)
  try {
    await server.kill()
    server = await startProcess(serverProgram, store, new URL(server.line).port)
    const broker = connect(server.line, { WebSocket })
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'load' })
    await broker.publish(caller, { topic, events: [{ event: eventOf(0, 1) }] })
    while (effects.isAlive() && readEffects(effectsFile).length === 0) await pause(20)
    expect(readEffects(effectsFile)).toEqual(['0-1'])
  } finally {
    await Promise.all([server.kill(), effects.kill()])
    await rm(path, { recursive: true })
  }
})

/** Producers and a consumer that go on through every outage, and remember what they were told. */
class Load {
  readonly acknowledged: string[] = []
  readonly refused: PublishAnswer[] = []
  readonly handled = new Set<string>()
  readonly settled = new Set<string>()
  /** What came again although its settle was answered: nothing may. */
  readonly deliveredAfterSettled: string[] = []
  #stopping = false
  #progressed: () => void = () => undefined

  async run(broker: Broker): Promise<void> {
    await Promise.all(Array.from({ length: producers }, (_, producer) => this.#produce(broker, producer)))
  }

  stop(): void {
    this.#stopping = true
  }

  /** Resolves at the next acknowledged publish. */
  progress(): Promise<void> {
    return new Promise((resolve) => (this.#progressed = resolve))
  }

  async #produce(broker: Broker, producer: number): Promise<void> {
    for (let number = 1; !this.#stopping; number += eventsPerBatch) {
      const events = Array.from({ length: eventsPerBatch }, (_, index) => ({
        event: eventOf(producer, number + index),
      }))
      const answers = await untilAnswered(() => broker.publish(caller, { topic, events }))
      this.refused.push(...answers.filter(({ status }) => status === 'refused'))
      this.acknowledged.push(...events.map(({ event }) => event.id))
      this.#progressed()
      // So that consumers keep up.
      await pause(40)
    }
  }

  consume(broker: Broker): Consumer {
    const consumer = consume({
      broker,
      caller,
      subscription,
      handle: ({ event }) => {
        this.handled.add(event.id)
        if (this.settled.has(event.id)) this.deliveredAfterSettled.push(event.id)
        return Promise.resolve({ action: 'ack' })
      },
      onSettled: ({ event }) => this.settled.add(event.id),
    })
    consumer.start()
    return consumer
  }
}

/** What the service wrote down, with repetitions. */
function readEffects(file: string, grouping = ''): string[] {
  const client = new Libsql(file)
  const rows = client.prepare(`select id from effect ${grouping}`).all() as { id: string }[]
  client.close()
  return rows.map(({ id }) => id)
}

const data = new TextEncoder().encode(JSON.stringify({ text: 'x'.repeat(90) }))

function eventOf(producer: number, number: number): Event {
  // Each has a key of its own: what a killed service holds must not hold up everything else.
  return { id: `${producer}-${number}`, source: '/load', type: topic, key: `${producer}-${number}`, data }
}
