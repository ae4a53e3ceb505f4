import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { allowAll, createBroker, type Broker } from 'tidings/broker'
import { embeddedEngine } from 'tidings/engines/embedded'
import type { Event } from 'tidings/event'
import { inDriver } from '../house/driver.ts'
import { inFolder } from '../house/folder.ts'
import { latencies, type Percentiles } from '../house/latency.ts'
import { until } from '../house/loops.ts'
import { figureBy, inOneRound } from '../house/rounds.ts'
import { rowOf, type Chart } from '../house/table.ts'
import { usageOf } from '../house/usage.ts'
import type { Workload } from './workload.ts'

interface Backlog {
  readonly scheduled: number
  readonly parkedKeys: number
  readonly waiting: number
  /** How many events are taken, one by one, for each measurement. */
  readonly claimed: number
}

interface Cost {
  /** One event at a time, with the backlog, and with ten thousand events. */
  readonly claim: Percentiles
  readonly claimOfFew: Percentiles
  readonly bytesPerMessage: number
  readonly megabytes: number
  readonly restartSeconds: number
}

const few = 10_000
const caller = { namespace: 'default', principal: 'bench' }
const topics = ['bench.later', 'bench.parked', 'bench.waiting'] as const
type Topic = (typeof topics)[number]
const subscriptionOf = (topic: Topic): string => `reader.${topic.slice('bench.'.length)}`

export const cost = inDriver(import.meta.url, 'cost', (backlog: Backlog): Promise<Cost> =>
  inFolder(async (path) => {
    const { scheduled, parkedKeys, waiting, claimed } = backlog
    const broker = createBroker({ engine: embeddedEngine({ path }), authorize: allowAll })
    await broker.start()
    await prepare(broker)
    await publish(broker, 'bench.waiting', few, (number) => ({ key: `k${number % 1_000}` }))
    await claims(broker, claimed)
    const before = { memory: anonymousBytes(), claim: await claims(broker, claimed) }
    const due = Date.now() + 7_200_000
    await publish(broker, 'bench.later', scheduled, (number) => ({
      key: `s${number}`,
      extensions: { deliverat: new Date(due + number * 100).toISOString() },
    }))
    await park(broker, parkedKeys)
    await publish(broker, 'bench.waiting', waiting, (number) => ({ key: `k${number % 1_000}` }))
    await until(async () => {
      const later = await broker.stats(caller, subscriptionOf('bench.later'))
      const parked = await broker.stats(caller, subscriptionOf('bench.parked'))
      return later.scheduled === scheduled && parked.parked === parkedKeys
    })
    await claims(broker, claimed)
    const after = { memory: anonymousBytes(), claim: await claims(broker, claimed) }
    await broker.stop()
    return {
      claim: after.claim,
      claimOfFew: before.claim,
      bytesPerMessage: (after.memory - before.memory) / (scheduled + 2 * parkedKeys + waiting),
      megabytes: after.memory / 1e6,
      restartSeconds: await startSeconds(path),
    }
  }),
)

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

/** One event at a time: the time of the pull, without that of its acknowledgement. */
async function claims(broker: Broker, claimed: number): Promise<Percentiles> {
  const subscription = subscriptionOf('bench.waiting')
  const times = latencies()
  for (let round = 0; round < claimed; round++) {
    const start = performance.now()
    const { deliveries } = await broker.pull(caller, { subscription, waitMs: 10_000 })
    times.record(performance.now() - start)
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
    await broker.settle(caller, { subscription, outcomes })
  }
  return times.percentiles()
}

async function startSeconds(path: string): Promise<number> {
  const start = performance.now()
  const broker = createBroker({ engine: embeddedEngine({ path }), authorize: allowAll })
  await broker.start()
  for (const topic of topics) await broker.stats(caller, subscriptionOf(topic))
  const elapsed = (performance.now() - start) / 1_000
  await broker.stop()
  return elapsed
}

/** After a collection of garbage. */
function anonymousBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return usageOf([process.pid]).anonymousBytes
}

function chartOf({ claim, claimOfFew }: Cost): Chart {
  const of = ({ p50, p99, p999, max }: Percentiles): readonly number[] => [p50, p99, p999, max]
  return {
    title: 'Taking one event, by how many wait',
    kind: 'lines',
    unit: 'ms',
    isLogarithmic: true,
    categories: ['p50', 'p99', 'p99.9', 'max'],
    series: [
      { name: few.toLocaleString('en'), values: of(claimOfFew) },
      { name: 'the whole backlog', values: of(claim) },
    ],
  }
}

export const w10: Workload = {
  id: 'W10',
  title: 'What a large backlog costs',
  async run({ isQuick, say }) {
    const size = isQuick
      ? { scheduled: 5_000, parkedKeys: 500, waiting: 50_000, claimed: 200 }
      : { scheduled: 1_000_000, parkedKeys: 100_000, waiting: 10_000_000, claimed: 3_000 }
    const outcomes = await inOneRound({ 'embedded, in one process': () => cost(size) }, say)
    const text = (count: number): string => count.toLocaleString('en')
    return [
      {
        title: `${text(size.waiting)} events of 100 B wait, ${text(size.scheduled)} are scheduled, ${text(size.parkedKeys)} keys are parked`,
        note: `One run, without a warm-up. A parked key has a dead letter and one event behind it. A claim takes one event, without its acknowledgement. ${isQuick ? 'With so few, memory is mostly what the process has anyway; the bar is about ten million. ' : ''}Engine: embedded.`,
        columns: [
          { title: 'memory for each', unit: 'B' },
          { title: 'anonymous memory', unit: 'MB' },
          { title: 'claim p50', unit: 'ms' },
          { title: 'claim p99', unit: 'ms' },
          { title: `claim p99 when ${text(few)} wait`, unit: 'ms' },
          { title: 'restart', unit: 's' },
        ],
        rows: [...outcomes].map(([name, outcome]) =>
          rowOf(name, outcome, (results) => {
            const memory = figureBy(results, ({ bytesPerMessage }) => bytesPerMessage)
            const claim = figureBy(results, ({ claim: { p99 } }) => p99)
            const claimOfFew = figureBy(results, ({ claimOfFew: { p99 } }) => p99)
            const restart = figureBy(results, ({ restartSeconds }) => restartSeconds)
            return {
              values: [
                memory,
                figureBy(results, ({ megabytes }) => megabytes),
                figureBy(results, ({ claim: { p50 } }) => p50),
                claim,
                claimOfFew,
                restart,
              ],
              bars: [
                ...(isQuick ? [] : [{ promise: '≤ 32 B for each', isMet: memory.median <= 32 }]),
                { promise: `claim p99 ≤ 1.5 × that of ${text(few)}`, isMet: claim.median <= 1.5 * claimOfFew.median },
                { promise: 'restart < 10 s', isMet: restart.median < 10 },
              ],
            }
          }),
        ),
        charts: [...outcomes].flatMap(([, outcome]) => ('failure' in outcome ? [] : [chartOf(outcome.results[0]!)])),
      },
    ]
  },
}
