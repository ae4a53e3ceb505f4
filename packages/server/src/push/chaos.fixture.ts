import type { ServerResponse } from 'node:http'
import type { RoundFigures } from '@tidings/tools/torture-rounds'
import { mulberry32 } from 'tidings/testing'
import { expect } from 'vitest'
import {
  caller,
  openPush,
  openReceiver,
  subscription,
  take,
  until,
  type PushBench,
  type Received,
  type Receiver,
} from './push.fixture.ts'

const timeoutMs = 400
const pauseMs = 1_000
/** A timer may come due so much before the clock says so. */
const timerErrorMs = 2

/** A body that never ends, a byte at a time. */
export function drip(response: ServerResponse, status: number): void {
  response.writeHead(status)
  const timer = setInterval(() => response.write('.'), 5)
  response.once('close', () => clearInterval(timer))
}

/** How a receiver fails. */
export const failures = {
  'never answers': () => undefined,
  'resets the connection': (response) => response.socket?.resetAndDestroy(),
  'answers 500, 502, 503': (response) => response.writeHead(502).end(),
  'asks for a pause': (response) => response.writeHead(429, { 'retry-after': String(pauseMs / 1_000) }).end(),
  'redirects to the inside': (response) =>
    response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
  'answers 503 with a body that never ends': (response) => drip(response, 503),
  'ends in the middle of its head': (response) => response.socket?.end('HTTP/1.1 200 OK\r\nconte'),
} satisfies Readonly<Record<string, (response: ServerResponse) => void>>
export type Failure = keyof typeof failures

export interface ChaosSize {
  readonly deliveries: number
  readonly keys: number
  /** How often a receiver asks for a pause of a second; it holds up everything. */
  readonly pauses: number
}

/**
 * One receiver that fails in every way by turns, and takes some messages without ever saying so; and one that is gone
 * (410) again and again until an operator resumes. Everything is delivered, in order within each key, and nobody is
 * asked before the pause that he asked for is over.
 */
export async function playPushChaos(seed: number, size: ChaosSize): Promise<RoundFigures> {
  const [mixed, gone] = await Promise.all([
    playMixed(seed, size),
    playGone(seed, { ...size, deliveries: Math.ceil(size.deliveries / 20) }),
  ])
  return {
    counts: {
      ...Object.fromEntries(Object.entries(mixed.failed).map(([failure, times]) => [failure, times])),
      'takes and never answers': mixed.unanswered,
      'was gone (410)': gone.times,
      delivered: mixed.delivered + gone.delivered,
      lost: 0,
    },
  }
}

async function playMixed(
  seed: number,
  { deliveries, keys, pauses }: ChaosSize,
): Promise<{ failed: Record<Failure, number>; unanswered: number; delivered: number }> {
  const kinds = Object.keys(failures) as Failure[]
  const failed = Object.fromEntries(kinds.map((failure) => [failure, 0])) as Record<Failure, number>
  const askedToWait = new Map<string, number>()
  const tooEarly: string[] = []
  let unanswered = 0
  const order = new TakenInOrder()
  await using receiver = await openReceiver({
    answer(received, response, taken) {
      const { id } = eventOf(received)
      const askedAt = askedToWait.get(id)
      if (askedAt !== undefined && performance.now() < askedAt + pauseMs - timerErrorMs) tooEarly.push(id)
      const random = mulberry32(seed + Number(id) * 31 + received.earlier * 7_919)
      if (received.earlier >= 3 || random() < 0.6) {
        order.took(received)
        return take(received, response, taken)
      }
      if (random() < 0.1) {
        order.took(received)
        taken()
        unanswered++
        return response.socket?.destroy()
      }
      const chosen = kinds[Math.floor(random() * kinds.length)]!
      const failure = chosen === 'asks for a pause' && failed[chosen] >= pauses ? 'resets the connection' : chosen
      failed[failure]++
      if (failure === 'asks for a pause') askedToWait.set(id, performance.now())
      failures[failure](response)
    },
  })
  await using bench = await openPush()
  await deliverAll(bench, receiver, { deliveries, keys })
  expect(tooEarly).toEqual([])
  expect(order.outOfOrder).toEqual([])
  return { failed, unanswered, delivered: receiver.effects.size }
}

async function playGone(seed: number, { deliveries, keys }: ChaosSize): Promise<{ times: number; delivered: number }> {
  let times = 0
  const order = new TakenInOrder()
  await using receiver = await openReceiver({
    answer(received, response, taken) {
      const random = mulberry32(seed + Number(eventOf(received).id))
      if (received.earlier === 0 && random() < 0.1) {
        times++
        return void response.writeHead(410).end()
      }
      order.took(received)
      take(received, response, taken)
    },
  })
  await using bench = await openPush()
  await deliverAll(bench, receiver, { deliveries, keys })
  expect(order.outOfOrder).toEqual([])
  return { times, delivered: receiver.effects.size }
}

async function deliverAll(
  bench: PushBench,
  receiver: Receiver,
  { deliveries, keys }: { readonly deliveries: number; readonly keys: number },
): Promise<void> {
  expect((await bench.ask('PUT', '/push', { url: receiver.url, timeoutMs })).status).toBe(200)
  const names = Array.from({ length: deliveries }, (_, number) => `k${number % keys}/${number}`)
  for (let start = 0; start < names.length; start += 500) await bench.publish(...names.slice(start, start + 500))
  await untilDelivered(bench, deliveries)
  expect(receiver.effects.size).toBe(deliveries)
  const ids = new Set(receiver.received.map((received) => eventOf(received).id))
  expect(names.map((_, number) => String(number)).filter((id) => !ids.has(id))).toEqual([])
}

/** Until the broker has heard that everything was taken; resumes a push that was disabled. */
export async function untilDelivered(bench: PushBench, count: number): Promise<void> {
  await until(async () => {
    const { state } = (await bench.ask('GET', '/push')).body
    if (state === 'disabled') await bench.ask('POST', '/push/resume')
    return (await bench.server.broker.stats(caller, subscription)).acknowledged === count
  })
}

/** Watches that what a key took first was published in that order. */
class TakenInOrder {
  readonly outOfOrder: string[] = []
  readonly #newest = new Map<string, number>()
  readonly #taken = new Set<number>()

  took(received: Received): void {
    const { id, partitionkey: key } = eventOf(received)
    const number = Number(id)
    if (this.#taken.has(number)) return
    this.#taken.add(number)
    if ((this.#newest.get(key) ?? -1) > number) this.outOfOrder.push(`${key}/${number}`)
    this.#newest.set(key, Math.max(number, this.#newest.get(key) ?? -1))
  }
}

function eventOf({ body }: Received): { readonly id: string; readonly partitionkey: string } {
  return JSON.parse(body) as { id: string; partitionkey: string }
}
