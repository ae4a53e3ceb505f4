import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { allowAll, createBroker, type Broker } from 'tidings/broker'
import { embeddedEngine } from 'tidings/engines/embedded'
import type { Event } from 'tidings/event'

/**
 * What a backlog costs: how long a claim takes and how much memory there is for each message, when a million events are
 * scheduled, a hundred thousand keys are parked and ten million events wait, beside the same with ten thousand events.
 */
export interface Backlog {
  readonly scheduled: number
  readonly parkedKeys: number
  readonly waiting: number
}

const few = 10_000
const rounds = 3_000
const caller = { namespace: 'default', principal: 'bench' }
const topics = ['bench.later', 'bench.parked', 'bench.waiting'] as const
type Topic = (typeof topics)[number]
const subscriptionOf = (topic: Topic): string => `reader.${topic.slice('bench.'.length)}`

export async function measureBacklog({ scheduled, parkedKeys, waiting }: Backlog): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'tidings-backlog-'))
  try {
    const broker = createBroker({ engine: embeddedEngine({ path }), authorize: allowAll })
    await broker.start()
    await prepare(broker)
    await publish(broker, 'bench.waiting', few, (number) => ({ key: `k${number % 1_000}` }))
    await claims(broker, rounds)
    const before = { memory: anonymousBytes(), claim: await claims(broker, rounds) }
    const due = Date.now() + 7_200_000
    await publish(broker, 'bench.later', scheduled, (number) => ({
      key: `s${number}`,
      extensions: { deliverat: new Date(due + number * 100).toISOString() },
    }))
    await park(broker, parkedKeys)
    await publish(broker, 'bench.waiting', waiting, (number) => ({ key: `k${number % 1_000}` }))
    await readOn(broker, { scheduled, parkedKeys })
    await claims(broker, rounds)
    const after = { memory: anonymousBytes(), claim: await claims(broker, rounds) }
    await broker.stop()
    const messages = scheduled + 2 * parkedKeys + waiting
    const perMessage = (after.memory - before.memory) / messages
    console.log(
      [
        `${scheduled} scheduled, ${parkedKeys} keys parked, ${waiting} waiting:`,
        `  claim p50 ${after.claim.p50.toFixed(2)} ms, p99 ${after.claim.p99.toFixed(2)} ms`,
        `  beside ${few} waiting: p50 ${before.claim.p50.toFixed(2)} ms, p99 ${before.claim.p99.toFixed(2)} ms (${(after.claim.p99 / before.claim.p99).toFixed(2)} ×)`,
        `  anonymous memory: ${(before.memory / 1e6).toFixed(0)} MB, then ${(after.memory / 1e6).toFixed(0)} MB: ${perMessage.toFixed(1)} B for each message`,
        `  a broker that starts on it is ready after ${(await startMs(path)).toFixed(0)} ms`,
      ].join('\n'),
    )
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

async function prepare(broker: Broker): Promise<void> {
  for (const topic of topics) {
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'bench' })
    await broker.putSubscription(caller, { subscription: subscriptionOf(topic), topic, from: 'beginning' })
  }
}

let published = 0

/** In batches of 1,000, eight under way. */
async function publish(
  broker: Broker,
  topic: Topic,
  count: number,
  make: (number: number) => Partial<Event>,
): Promise<void> {
  const data = new Uint8Array(100)
  const underWay: Promise<unknown>[] = []
  for (let first = 0; first < count; first += 1_000) {
    const events = Array.from({ length: Math.min(1_000, count - first) }, (_, index) => ({
      event: { id: String(++published), source: '/bench', type: 'bench.event', data, ...make(first + index) },
    }))
    underWay.push(broker.publish(caller, { topic, events }))
    if (underWay.length >= 8) await underWay.shift()
  }
  await Promise.all(underWay)
}

/** One dead letter and one event behind it for each key. */
async function park(broker: Broker, keys: number): Promise<void> {
  const subscription = subscriptionOf('bench.parked')
  const make = (number: number): Partial<Event> => ({ key: `p${number}` })
  await publish(broker, 'bench.parked', keys, make)
  for (let dead = 0; dead < keys;) {
    const { deliveries } = await broker.pull(caller, { subscription, max: 1_000, waitMs: 10_000, leaseMs: 1_000 })
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'dead-letter' as const, reason: 'parks its key' }))
    await broker.settle(caller, { subscription, outcomes })
    dead += deliveries.length
  }
  await publish(broker, 'bench.parked', keys, make)
}

/** Until the subscriptions have looked at everything that they put aside. */
async function readOn(broker: Broker, wanted: { scheduled: number; parkedKeys: number }): Promise<void> {
  for (;;) {
    const { scheduled } = await broker.stats(caller, subscriptionOf('bench.later'))
    const { parked } = await broker.stats(caller, subscriptionOf('bench.parked'))
    if (scheduled === wanted.scheduled && parked === wanted.parkedKeys) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** One event at a time: the time of the pull, without that of its acknowledgement. */
async function claims(broker: Broker, count: number): Promise<{ p50: number; p99: number }> {
  const subscription = subscriptionOf('bench.waiting')
  const times: number[] = []
  for (let round = 0; round < count; round++) {
    const start = performance.now()
    const { deliveries } = await broker.pull(caller, { subscription, waitMs: 10_000 })
    times.push(performance.now() - start)
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
    await broker.settle(caller, { subscription, outcomes })
  }
  times.sort((left, right) => left - right)
  return { p50: times[Math.floor(count * 0.5)]!, p99: times[Math.floor(count * 0.99)]! }
}

async function startMs(path: string): Promise<number> {
  const start = performance.now()
  const broker = createBroker({ engine: embeddedEngine({ path }), authorize: allowAll })
  await broker.start()
  for (const topic of topics) await broker.stats(caller, subscriptionOf(topic))
  const elapsed = performance.now() - start
  await broker.stop()
  return elapsed
}

/** Memory that is this process's alone, after a collection of garbage: the pages of the store's file are not. */
function anonymousBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const kilobytes = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return Number(kilobytes ?? Number.NaN) * 1_024
}
