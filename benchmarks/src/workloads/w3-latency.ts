import { inDriver } from '../house/driver.ts'
import { inFolder } from '../house/folder.ts'
import { latencies, type Percentiles } from '../house/latency.ts'
import { ledger, mustBeComplete, type Account } from '../house/ledger.ts'
import { openLoop } from '../house/loops.ts'
import { identityOf, payloadOf } from '../house/payload.ts'
import { figureOf, inRounds, roundsOf, type Outcome } from '../house/rounds.ts'
import type { Bar, Row, Table } from '../house/table.ts'
import type { Limit } from '../limits/limits.ts'
import type { RunningSystem, System } from '../systems/system.ts'
import { withSystem } from './messages.ts'
import { isOurs, peersIn } from './rows.ts'
import type { Assignment, Workload } from './workload.ts'

const rates = [100, 1_000, 5_000, 20_000] as const
const quickRates = [1_000, 5_000] as const
const bytes = 1_000
const queue = 'latency'
/** A system that has not handed everything out so long after the last message did not keep up. */
const patienceMs = 5_000
const behindSeconds = 2

export interface Pace {
  readonly system: string
  readonly folder: string
  readonly perSecond: number
  readonly seconds: number
}

export type PaceResult = Percentiles & Pick<Account, 'duplicated' | 'reordered'>

/** From the moment at which a message was to be sent until it is in the hand of its consumer. */
export const pace = inDriver(import.meta.url, 'pace', (run: Pace) =>
  withSystem(run, async (running) => {
    await running.create({ name: queue })
    // Compiles what is measured, and fills every cache.
    await measure(running, { ...run, perSecond: Math.min(run.perSecond, 2_000), seconds: 1 }, 0)
    return measure(running, run, 1)
  }),
)

async function measure(running: RunningSystem, run: Pace, producer: number): Promise<PaceResult> {
  const messages = Math.round(run.perSecond * run.seconds)
  const sent = ledger({ producers: 2, messages })
  const delays = latencies()
  const dueAt = new Float64Array(messages)
  let seen = 0
  let open = 0
  const consumer = await running.consume(queue, {
    window: 1_000,
    handle(message) {
      const identity = identityOf(message)
      sent.saw(identity.producer, identity.number)
      if (identity.producer !== producer) return
      delays.record(performance.now() - dueAt[identity.number]!)
      seen += 1
    },
  })
  await openLoop(run, async (number, due) => {
    dueAt[number] = due
    if (++open > behindSeconds * run.perSecond + 1_000) throw new Error(`it is more than ${behindSeconds} s behind`)
    await running.publish(queue, payloadOf({ producer, number }, bytes))
    open -= 1
    sent.acknowledged(producer, number)
  })
  for (const start = performance.now(); seen < messages || sent.account().seen < messages;) {
    if (performance.now() - start > patienceMs) {
      throw new Error(
        `${messages - seen} of ${messages} messages were not there ${patienceMs / 1_000} s after the last`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await consumer.stop()
  return { ...delays.percentiles(), ...mustBeComplete(sent) }
}

const ratesOf = ({ isQuick }: Pick<Assignment, 'isQuick'>): readonly number[] => (isQuick ? quickRates : rates)

export const w3: Workload = {
  id: 'W3',
  title: 'End-to-end latency at a fixed rate',
  async run(assignment) {
    const measured = await measureAll(assignment)
    const sync = await assignment.limits.syncs(4_096)
    return ratesOf(assignment).map((rate) => tableOf(rate, assignment.systems, measured, sync))
  },
}

type Measured = (system: System, rate: number) => Outcome<PaceResult> | undefined

async function measureAll({ isQuick, systems, say }: Assignment): Promise<Measured> {
  const nameOf = (system: System, rate: number): string => `${system.name}, ${rate} a second`
  const subjects = systems.flatMap((system) =>
    ratesOf({ isQuick }).map((perSecond) => {
      const run = { system: system.name, perSecond, seconds: isQuick ? 2 : 10 }
      return [nameOf(system, perSecond), () => inFolder((folder) => pace({ ...run, folder }))] as const
    }),
  )
  const outcomes = await inRounds(roundsOf({ isQuick }), Object.fromEntries(subjects), say)
  return (system, rate) => outcomes.get(nameOf(system, rate))
}

const quantiles = ['p50', 'p99', 'p999', 'max'] as const

function tableOf(rate: number, systems: readonly System[], measured: Measured, sync: Limit): Table {
  const medianOf = (system: System, quantile: 'p50' | 'p99'): number | undefined => {
    const outcome = measured(system, rate)
    if (!outcome || 'failure' in outcome) return undefined
    return figureOf(outcome.results.map((result) => result[quantile])).median
  }
  const rows = systems.map((system): Row => {
    const outcome = measured(system, rate)
    if (!outcome || 'failure' in outcome)
      return { name: system.name, notMeasured: outcome?.failure ?? 'it did not run' }
    return {
      name: `${system.name} (${system.durability})`,
      values: quantiles.map((quantile) => figureOf(outcome.results.map((result) => result[quantile]))),
      ...(isOurs(system) && { bars: barsOf(rate, system, { systems, medianOf, sync }) }),
    }
  })
  return {
    title: `End-to-end latency at ${rate.toLocaleString('en')} messages a second, 1 kB`,
    note: `From the moment at which a message was to be sent until its consumer has it. A durable append takes ${(1_000 / sync.value.median).toFixed(2)} ms here (${sync.id}).`,
    columns: ['p50', 'p99', 'p99.9', 'max'].map((title) => ({ title, unit: 'ms' })),
    rows,
    charts: [
      {
        title: `End-to-end latency at ${rate.toLocaleString('en')}/s`,
        kind: 'bars',
        unit: 'ms',
        isLogarithmic: true,
        categories: systems.map(({ name }) => name),
        series: (['p50', 'p99'] as const).map((name) => ({
          name,
          values: systems.map((system) => medianOf(system, name) ?? null),
        })),
      },
    ],
  }
}

/** The bars are those of a server and of a broker in the process; PostgreSQL has a write-ahead log of its own to wait for. */
function barsOf(
  rate: number,
  system: System,
  seen: {
    readonly systems: readonly System[]
    readonly medianOf: (system: System, quantile: 'p50' | 'p99') => number | undefined
    readonly sync: Limit
  },
): readonly Bar[] {
  const { systems, medianOf, sync } = seen
  const [p50, p99] = [medianOf(system, 'p50'), medianOf(system, 'p99')]
  if (system.name === 'tidings-postgres' || p50 === undefined || p99 === undefined) return []
  const syncMs = 1_000 / sync.value.median
  const best = Math.min(...peersIn(systems, { durability: 'D' }).flatMap((peer) => medianOf(peer, 'p50') ?? []))
  return [
    { promise: 'p50 ≤ 1.5 × L1 + 0.5 ms', isMet: p50 <= 1.5 * syncMs + 0.5 },
    ...(rate === 5_000 ? [{ promise: 'p99 ≤ 3 × L1 + 3 ms', isMet: p99 <= 3 * syncMs + 3 }] : []),
    ...(Number.isFinite(best) ? [{ promise: 'p50 ahead of every D peer', isMet: p50 < best }] : []),
  ]
}
