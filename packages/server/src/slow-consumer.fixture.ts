import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { notRun } from '@tidings/tools/not-run'
import type { RoundFigures } from '@tidings/tools/torture-rounds'
import { connect, consume, type Consumer } from 'tidings'
import type { Broker } from 'tidings/broker'
import { mulberry32 } from 'tidings/testing'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { serverProgram, startProcess } from './kill.fixture.ts'

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'load.event'
const quick = 'load.quick'
const slow = 'load.slow'
const poisoned = 'load.poisoned'
const data = new TextEncoder().encode('x'.repeat(200))
const batch = 1_000
const mostMegabytes = 512

export interface SlowConsumerSize {
  /** Events that the slow subscription has before it. */
  readonly backlog: number
  /** Events of one measurement. */
  readonly events: number
  /** How often both are measured. */
  readonly turns: number
}

/** Skips the test where the memory of another process cannot be read. */
export function needsMemory(test: Parameters<typeof notRun>[0]): void {
  if (process.platform === 'linux') return
  notRun(test, { part: 'linux', reason: 'the memory of a process is read from /proc' })
}

/**
 * A subscription that keeps up, by turns alone and beside one that is slow, with a long backlog, and one that every tenth
 * event poisons. It gets everything once and in order; the others lose nothing; the server's memory stays bounded.
 */
export async function playSlowConsumer(seed: number, size: SlowConsumerSize): Promise<RoundFigures> {
  const path = await mkdtemp(join(tmpdir(), 'tidings-slow-'))
  const server = await startProcess(serverProgram, join(path, 'store'), '0')
  const broker = connect(server.line, { WebSocket })
  const live = new Live(broker, mulberry32(seed))
  const times: { alone: number[]; beside: number[] } = { alone: [], beside: [] }
  let dead = 0
  let handledSlowly = 0
  try {
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'load' })
    await publishBacklog(broker, size.backlog)
    await broker.putSubscription(caller, { subscription: quick, topic, from: 'end' })
    live.start()
    for (let turn = 0; turn < size.turns; turn++) {
      times.alone.push(...(await live.measure(size.events)))
      const published = live.published
      const { stop, handled } = await startOthers(broker)
      times.beside.push(...(await live.measure(size.events)))
      const expected = live.poisonedSince(published)
      while ((await broker.stats(caller, poisoned)).pending > 0) await pause(10)
      const stats = await broker.stats(caller, poisoned)
      expect(stats).toMatchObject({ dead: expected, acknowledged: size.events - expected })
      await stop()
      const behind = await broker.stats(caller, slow)
      expect(behind.acknowledged + behind.pending).toBe(size.backlog + live.published)
      expect(behind.acknowledged, 'settled at the slow one').toBe(handled())
      dead += stats.dead
      handledSlowly += handled()
      for (const subscription of [slow, poisoned]) await broker.removeSubscription(caller, subscription)
    }
    await live.stop()
    expect(live.outOfOrder).toEqual([])
    const megabytes = await peakMegabytes(server.pid)
    expect(megabytes).toBeLessThan(mostMegabytes)
    return {
      counts: { backlog: size.backlog, 'handled slowly': handledSlowly, 'dead letters': dead, events: live.published },
      timesMs: { 'alone, to the handler': times.alone, 'beside the others': times.beside },
      peaks: { 'memory of the server (MB)': megabytes },
    }
  } finally {
    await live.stop()
    await server.kill()
    await rm(path, { recursive: true })
  }
}

async function publishBacklog(broker: Broker, count: number): Promise<void> {
  for (let first = 0; first < count; first += batch) {
    const events = Array.from({ length: Math.min(batch, count - first) }, (_, index) => {
      const id = `backlog-${first + index}`
      return { event: { id, source: '/load', type: topic, key: `k${(first + index) % 1_000}`, data } }
    })
    await broker.publish(caller, { topic, events })
  }
}

async function startOthers(broker: Broker): Promise<{ stop(): Promise<void>; handled(): number }> {
  await broker.putSubscription(caller, { subscription: slow, topic, from: 'beginning' })
  await broker.putSubscription(caller, {
    subscription: poisoned,
    topic,
    from: 'end',
    policy: { onDeadLetter: 'continue', retry: { quickDelaysMs: [1, 1], maxAttempts: 3 } },
  })
  let settled = 0
  const consumers = [
    consume({
      broker,
      caller,
      subscription: slow,
      concurrency: 1,
      handle: async () => (await pause(50), { action: 'ack' }),
      onSettled: () => void settled++,
    }),
    consume({
      broker,
      caller,
      subscription: poisoned,
      handle: ({ event }) =>
        event.key === 'poison' ? Promise.reject(new Error('poison')) : Promise.resolve({ action: 'ack' }),
    }),
  ]
  for (const consumer of consumers) consumer.start()
  return {
    handled: () => settled,
    async stop() {
      await Promise.all(consumers.map((consumer) => consumer.stop()))
    },
  }
}

/** Publishes one event after the other and watches them come. */
class Live {
  published = 0
  readonly outOfOrder: string[] = []
  readonly #broker: Broker
  readonly #random: () => number
  readonly #consumer: Consumer
  readonly #poison: number[] = []
  readonly #sentAt = new Map<string, number>()
  readonly #newest = new Map<string, number>()
  #times: number[] = []
  #handled = 0

  constructor(broker: Broker, random: () => number) {
    this.#broker = broker
    this.#random = random
    this.#consumer = consume({
      broker,
      caller,
      subscription: quick,
      handle: ({ event: { id, key = '' }, attempt }) => {
        const isPoison = key === 'poison'
        // What follows in the key has to wait for it.
        if (isPoison && attempt === 1 && Number(id) % 2 === 0)
          return Promise.resolve({ action: 'retry', reason: 'not at once' })
        if (!isPoison) this.#times.push(performance.now() - (this.#sentAt.get(id) ?? Number.NaN))
        if ((this.#newest.get(key) ?? -1) >= Number(id)) this.outOfOrder.push(`${key}/${id}`)
        this.#newest.set(key, Number(id))
        this.#handled++
        return Promise.resolve({ action: 'ack' })
      },
    })
  }

  start(): void {
    this.#consumer.start()
  }

  stop(): Promise<void> {
    return this.#consumer.stop()
  }

  poisonedSince(number: number): number {
    return this.#poison.filter((poison) => poison >= number).length
  }

  /** How long each of so many events was on its way to its handler, without those that poison others. */
  async measure(count: number): Promise<readonly number[]> {
    this.#times = []
    this.#handled = 0
    for (let sent = 0; sent < count; sent++) {
      const number = this.published++
      const isPoison = this.#random() < 0.1
      if (isPoison) this.#poison.push(number)
      const key = isPoison ? 'poison' : `k${number % 50}`
      const id = String(number)
      this.#sentAt.set(id, performance.now())
      await this.#broker.publish(caller, {
        topic,
        events: [{ event: { id, source: '/live', type: topic, key, data } }],
      })
      await pause(2)
    }
    while (this.#handled < count) await pause(2)
    return this.#times
  }
}

async function peakMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024)
}
