import type { RoundFigures } from '@tidings/tools/torture-rounds'
import Libsql from 'libsql'
import { expect } from 'vitest'
import type { PublishedEvent, SeekRequest } from '../broker/index.ts'
import { connect } from '../client/index.ts'
import { defineContract } from '../contract/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { mulberry32, testBench, type TestBench } from '../testing/index.ts'
import type { Position } from '../event/index.ts'
import { createService, type HandlerPoint } from './index.ts'
import { sales } from './service.fixture.ts'

const caller = { namespace: 'default', principal: 'sales' }
const operator = { namespace: 'default', principal: 'operator' }
const subscription = 'audit.write'
const { topic, type } = sales.returned
const keys = 40
const points: readonly HandlerPoint[] = ['before-handler', 'before-commit', 'after-commit']
const effectsOfSeek: readonly SeekRequest['effects'][] = ['skip', 'missing']

export interface DuplicatesSize {
  readonly events: number
  /** The service dies so often, at each step of a handler by turns. */
  readonly crashes: number
}

/**
 * A service writes a row for each event, and nothing in its table keeps the same row from being there twice. Three in ten
 * events are published again, with the counter of their outbox however late, or with their identity alone and soon. The
 * service dies at every step of handling, and an operator goes back. Each event has one row, in order within its key.
 */
export async function playDuplicates(seed: number, { events, crashes }: DuplicatesSize): Promise<RoundFigures> {
  const random = mulberry32(seed)
  const database = sqliteDatabase({ client: new Libsql(':memory:'), allowVolatile: true })
  await database.start()
  await database.migrate({
    name: 'audit',
    migrations: ['create table effect (number integer primary key, id text not null, key text not null)'],
  })
  let calls = 0
  const service = createService({
    contract: defineContract('audit', {}),
    broker: connect('http://127.0.0.1:1'),
    database,
    report: () => undefined,
  })
  service.on('write', sales.returned, { from: 'beginning' }, async ({ event, transaction }) => {
    calls++
    await transaction((tx) => tx.query('insert into effect (id, key) values (?, ?)', [event.id, event.key ?? '']))
  })
  const bench = await testBench(service, { seed })
  const publisher = new Publisher(bench, random)
  const died: Record<string, number> = {}
  let seeks = 0
  const chunk = Math.ceil(events / crashes)
  while (publisher.published < events) {
    await publisher.publish(Math.min(chunk, events - publisher.published))
    const point = points[Math.floor(random() * points.length)]!
    await bench.crashAt(point)
    died[`died ${point}`] = (died[`died ${point}`] ?? 0) + 1
    if (random() < 0.1) {
      seeks++
      await goBack(bench, publisher.positions, random)
    }
  }
  await bench.settled()
  const rows = await database.query<{ id: string; key: string }>('select id, key from effect order by number')
  expectOnceInOrder(rows, events)
  expect(await bench.deadLetters()).toEqual([])
  await bench.stop()
  return {
    counts: {
      events,
      'published again': publisher.repeated,
      ...died,
      'seeks back': seeks,
      'calls of the handler': calls,
      effects: rows.length,
      missed: 0,
      twice: 0,
    },
  }
}

/** Publishes each event once, as it says, and some of them again. */
class Publisher {
  published = 0
  repeated = 0
  readonly positions: Position[] = []
  readonly #bench: TestBench
  readonly #random: () => number
  readonly #sent: PublishedEvent[] = []

  constructor(bench: TestBench, random: () => number) {
    this.#bench = bench
    this.#random = random
  }

  async publish(count: number): Promise<void> {
    const events = Array.from({ length: count }, (_, index) => this.#event(this.published + index))
    this.published += count
    await this.#send(events, 'stored')
    this.#sent.push(...events)
    const again = events.filter(() => this.#random() < 0.3)
    const old = Math.floor(this.#random() * this.#sent.length)
    const isLate = this.#random() < 0.5
    const repeats = isLate
      ? this.#sent.slice(old, old + again.length)
      : again.map(({ event }): PublishedEvent => ({ event }))
    this.repeated += repeats.length
    if (repeats.length > 0) await this.#send(repeats, 'duplicate')
  }

  #event(number: number): PublishedEvent {
    const orderId = `k${Math.floor(this.#random() * keys)}`
    const data = new TextEncoder().encode(JSON.stringify({ orderId }))
    const event = { id: String(number), source: 'sales', type, key: orderId, data }
    return { event, producer: { id: 'sales:0', epoch: 1, counter: number + 1 } }
  }

  async #send(events: readonly PublishedEvent[], expected: 'stored' | 'duplicate'): Promise<void> {
    const answers = await this.#bench.broker.publish(caller, { topic, events })
    const other = answers.find(({ status }) => status !== expected)
    this.positions.push(...answers.flatMap((answer) => (answer.status === 'stored' ? [answer.position] : [])))
    if (other) throw new Error(`An event was answered with ${JSON.stringify(other)} instead of ${expected}.`)
    await this.#bench.environment.advance(1)
  }
}

/** An operator goes back to an event of before: what has its effect must not have it again. */
async function goBack(
  { broker, environment }: TestBench,
  positions: readonly Position[],
  random: () => number,
): Promise<void> {
  const effects = effectsOfSeek[Math.floor(random() * effectsOfSeek.length)]
  const { floor } = await broker.stats(operator, subscription)
  const settled = positions.slice(0, positions.indexOf(floor) + 1)
  const to = settled.at(-1 - Math.floor(random() * Math.min(settled.length, 100))) ?? 'beginning'
  await broker.seek(operator, { subscription, to, ...(effects && { effects }) })
  await environment.advance(1)
}

function expectOnceInOrder(rows: readonly { readonly id: string; readonly key: string }[], events: number): void {
  const ids = rows.map(({ id }) => Number(id))
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
  const found = new Set(ids)
  expect(Array.from({ length: events }, (_, id) => id).filter((id) => !found.has(id))).toEqual([])
  const newest = new Map<string, number>()
  for (const { id, key } of rows) {
    expect(Number(id), `order of ${key}`).toBeGreaterThan(newest.get(key) ?? -1)
    newest.set(key, Number(id))
  }
}
