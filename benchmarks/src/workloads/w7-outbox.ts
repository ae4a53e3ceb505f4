import { Client } from 'pg'
import { inDriver } from '../house/driver.ts'
import { until } from '../house/loops.ts'
import { figureBy, inRounds, roundsOf } from '../house/rounds.ts'
import { rowOf, shareOf, type Bar, type Table } from '../house/table.ts'
import { sent, type Way } from './outbox/bank.ts'
import { burst, inTurn, transactions, visible, type Load, type Taken } from './outbox/measures.ts'
import { inBank } from './outbox/place.ts'
import { missingPostgres } from '../systems/postgres.ts'
import type { Assignment, Workload } from './workload.ts'

/** A service that has just started compiles what it runs. */
const warmUp: Load = { lanes: 4, seconds: 0.5 }

interface TellingRun {
  readonly ways: readonly Way[]
  readonly seconds: number
  /** The server stands still meanwhile, so that only the telling is measured, not the carrying. */
  readonly isStill: boolean
}

const paces = {
  'one after the other': { lanes: 1 },
  'at 500/s': { perSecond: 500 },
  'at 2,000/s': { perSecond: 2_000 },
} as const
type PaceName = keyof typeof paces
const paceNames = Object.keys(paces) as PaceName[]

/** By way: what its transactions took at each pace, and how many there were in a second, 16 at once. */
type Told = Readonly<Record<string, { readonly taken: Readonly<Record<PaceName, Taken>>; readonly perSecond: number }>>

export const tell = inDriver(import.meta.url, 'tell', ({ ways, seconds, isStill }: TellingRun) =>
  inBank(async (bank, { serverPid }): Promise<Told> => {
    for (const way of ways) await transactions(bank, way, warmUp)
    const measured = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      await until(() => sent(bank))
      if (isStill) process.kill(serverPid, 'SIGSTOP')
      return work().finally(() => process.kill(serverPid, 'SIGCONT'))
    }
    const byPace = new Map<string, ReadonlyMap<Way, Taken>>()
    for (const [name, pace] of Object.entries(paces)) {
      byPace.set(name, await measured(() => inTurn(bank, ways, { ...pace, seconds: seconds * ways.length })))
    }
    const told: Record<string, Told[string]> = {}
    for (const way of ways) {
      const { perSecond } = await measured(() => transactions(bank, way, { lanes: 16, seconds }))
      const takenAt = (name: PaceName): Taken => byPace.get(name)!.get(way)!
      const taken = Object.fromEntries(paceNames.map((name) => [name, takenAt(name)])) as Record<PaceName, Taken>
      told[way] = { taken, perSecond }
    }
    return told
  }),
)

export const carry = inDriver(import.meta.url, 'carry', (run: { readonly rows: number }) =>
  inBank((bank, { pids }) => burst(bank, { ...run, pids })),
)

interface ArrivingRun {
  readonly perSecond: number
  readonly seconds: number
  /** A session has written before, and sits in its transaction all the time. */
  readonly hasIdleSession: boolean
}

export const arrive = inDriver(import.meta.url, 'arrive', (run: ArrivingRun) =>
  inBank(async (bank, { url, pids }) => {
    const idle = new Client({ connectionString: url })
    await idle.connect()
    if (run.hasIdleSession) {
      await idle.query('begin')
      await idle.query(`insert into bare (topic) values ('held')`)
      await idle.query(`select tidings.publish('bank.moved', '{"number": 0, "text": "held"}'::jsonb)`)
    }
    await transactions(bank, 'tx.publish', warmUp)
    await until(() => sent(bank))
    const result = await visible(bank, { ...run, pids })
    await idle.end()
    return result
  }),
)

export const w7: Workload = {
  id: 'W7',
  title: 'The outbox on PostgreSQL',
  async run(assignment) {
    const missing = await missingPostgres()
    if (missing !== undefined) throw new Error(missing)
    return [await telling(assignment), await carrying(assignment), await arriving(assignment)]
  },
}

const bare: Way = 'pg, bare insert'

async function telling({ isQuick, say }: Assignment): Promise<Table> {
  const ways: readonly Way[] = [bare, 'service.transaction, bare insert', 'tx.publish', 'tx.changed']
  const seconds = isQuick ? 2 : 5
  const sides = { 'standing still': true, 'at work': false }
  const outcomes = await inRounds(
    roundsOf({ isQuick }),
    Object.fromEntries(
      Object.entries(sides).map(([name, isStill]) => [`the server ${name}`, () => tell({ ways, seconds, isStill })]),
    ),
    say,
  )
  const rows = [...outcomes].flatMap(([side, outcome]) =>
    ways.map((way) =>
      rowOf(`${way}, ${side}`, outcome, (results) => {
        const ratios = paceNames.map((name) =>
          figureBy(results, (result) => result[way]!.taken[name].p50 / result[bare]!.taken[name].p50),
        )
        const isPromised = way === 'tx.publish' && side.endsWith('still')
        return {
          values: [
            ...paceNames.map((name) => figureBy(results, (result) => result[way]!.taken[name].p50)),
            ...ratios,
            figureBy(results, (result) => result[way]!.taken['at 500/s'].p99),
            figureBy(results, (result) => result[way]!.perSecond),
          ],
          ...(isPromised && {
            bars: paceNames.slice(0, 2).map((name, place) => ({
              promise: `≤ 10 % slower than the bare insert, ${name}`,
              isMet: ratios[place]!.median <= 1.1,
            })),
          }),
        }
      }),
    ),
  )
  return {
    title: 'What telling costs a transaction',
    note: 'A transaction updates an account and tells of it with 1 kB. The ways take turns, one transaction each, so that what disturbs one disturbs all; 16 at once each has its time for itself. While the server stands still nothing is carried: what is more than the bare insert is the telling itself. At work it is on the same cores. Telling the entity (`tx.changed`) also locks and reads its row.',
    columns: [
      ...paceNames.map((name) => ({ title: `p50 ${name}`, unit: 'ms' })),
      ...paceNames.map((name) => ({ title: `of the bare insert ${name}`, unit: '×' })),
      { title: 'p99 at 500/s', unit: 'ms' },
      { title: '16 at once', unit: 'transactions/s' },
    ],
    rows,
  }
}

async function carrying({ isQuick, limits, say }: Assignment): Promise<Table> {
  const rows = isQuick ? 30_000 : 100_000
  const name = `burst of ${rows.toLocaleString('en')} rows`
  const limit = await limits.posts(1_000)
  const outcomes = await inRounds(roundsOf({ isQuick }), { [name]: () => carry({ rows }) }, say)
  return {
    title: 'What the relay carries',
    note: 'Rows of 1 kB that wait in the outbox, until a server in another process has stored them all; PostgreSQL, relay and server share the cores.',
    columns: [{ title: 'carried', unit: 'rows/s' }],
    rows: [
      rowOf(name, outcomes.get(name)!, (results) => {
        const speed = figureBy(results, ({ rowsPerSecond }) => rowsPerSecond)
        return {
          values: [speed],
          cpuSecondsPerMillion: figureBy(results, (result) => result.cpuSecondsPerMillion),
          share: shareOf(limit, speed.median),
          bars: [{ promise: '≥ 15,000 rows/s', isMet: speed.median >= 15_000 }],
        }
      }),
    ],
  }
}

async function arriving({ isQuick, say }: Assignment): Promise<Table> {
  const seconds = isQuick ? 5 : 20
  const runs = {
    'at 500/s': { perSecond: 500, seconds, hasIdleSession: false },
    'at 2,000/s': { perSecond: 2_000, seconds, hasIdleSession: false },
    'at 500/s, beside a session idle in its transaction': {
      perSecond: 500,
      seconds: isQuick ? 10 : 60,
      hasIdleSession: true,
    },
  }
  const outcomes = await inRounds(
    roundsOf({ isQuick }, 3),
    Object.fromEntries(Object.entries(runs).map(([name, run]) => [name, () => arrive(run)])),
    say,
  )
  return {
    title: 'Commit to visible for a subscriber',
    note: 'The session that is idle has written a row and told of it, and does not commit; the others must not wait for it.',
    columns: ['p50', 'p99', 'p99.9', 'max'].map((title) => ({ title, unit: 'ms' })),
    rows: [...outcomes].map(([name, outcome]) =>
      rowOf(name, outcome, (results) => {
        const [p50, p99] = [figureBy(results, (result) => result.p50), figureBy(results, (result) => result.p99)]
        const bars: Bar[] = [
          { promise: 'p50 ≤ 5 ms', isMet: p50.median <= 5 },
          { promise: 'p99 ≤ 30 ms', isMet: p99.median <= 30 },
        ]
        const megabytes = Math.max(...results.map(({ outboxBytes }) => outboxBytes)) / 1e6
        const duplicated = Math.max(...results.map((result) => result.duplicated))
        return {
          values: [p50, p99, figureBy(results, ({ p999 }) => p999), figureBy(results, ({ max }) => max)],
          cpuSecondsPerMillion: figureBy(results, (result) => result.cpuSecondsPerMillion),
          bars,
          remark: `nothing lost, ${duplicated} duplicated; tables of the outbox ${megabytes.toFixed(0)} MB at the end`,
        }
      }),
    ),
  }
}
