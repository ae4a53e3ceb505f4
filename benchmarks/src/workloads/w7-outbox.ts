import { Client } from 'pg'
import { inDriver } from '../house/driver.ts'
import { until } from '../house/loops.ts'
import { figureBy, inRounds, roundsOf, type Outcome } from '../house/rounds.ts'
import { rowOf, shareOf, type Bar, type Table } from '../house/table.ts'
import { sent, type Way } from './outbox/bank.ts'
import { burst, transactions, visible, type Load, type Taken } from './outbox/measures.ts'
import { inBank } from './outbox/place.ts'
import { missingPostgres } from '../systems/postgres.ts'
import type { Assignment, Workload } from './workload.ts'

/** A service that has just started compiles what it runs. */
const warmUp: Load = { lanes: 4, seconds: 0.5 }

interface TellingRun {
  readonly way: Way
  readonly loads: Readonly<Record<string, Load>>
  /** The server stands still meanwhile, so that only the telling is measured, not the carrying. */
  readonly isStill: boolean
}

export const tell = inDriver(import.meta.url, 'tell', ({ way, loads, isStill }: TellingRun) =>
  inBank(async (bank, { serverPid }) => {
    const taken: Record<string, Taken> = {}
    await transactions(bank, way, warmUp)
    for (const [name, load] of Object.entries(loads)) {
      if (isStill) process.kill(serverPid, 'SIGSTOP')
      try {
        taken[name] = await transactions(bank, way, load)
      } finally {
        process.kill(serverPid, 'SIGCONT')
      }
      await until(() => sent(bank))
    }
    return taken
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
  const seconds = isQuick ? 1 : 3
  const loads = {
    'one after the other': { lanes: 1, seconds },
    'at 500/s': { perSecond: 500, seconds },
    'at 2,000/s': { perSecond: 2_000, seconds },
    '16 at once': { lanes: 16, seconds },
  }
  const ways: readonly Way[] = isQuick
    ? [bare, 'tx.publish']
    : [bare, 'service.transaction, bare insert', 'tx.publish', 'tx.changed']
  const subjects = [true, false].flatMap((isStill) => ways.map((way) => ({ way, isStill })))
  const nameOf = ({ way, isStill }: (typeof subjects)[number]): string =>
    `${way}, the server ${isStill ? 'standing still' : 'at work'}`
  const outcomes = await inRounds(
    roundsOf({ isQuick }),
    Object.fromEntries(subjects.map((subject) => [nameOf(subject), () => tell({ ...subject, loads })])),
    say,
  )
  const p50 = (outcome: Outcome<Record<string, Taken>>, load: string): number | undefined =>
    'failure' in outcome ? undefined : figureBy(outcome.results, (result) => result[load]!.p50).median
  return {
    title: 'What telling costs a transaction',
    note: 'A transaction updates an account and tells of it with 1 kB. While the server stands still nothing is carried: what is more than the bare insert is the telling itself. At work it is on the same cores. Telling the entity (`tx.changed`) also locks and reads its row.',
    columns: [
      ...Object.keys(loads).map((load) => ({ title: `p50 ${load}`, unit: 'ms' })),
      { title: 'p99 at 500/s', unit: 'ms' },
      { title: '16 at once', unit: 'transactions/s' },
    ],
    rows: subjects.map((subject) =>
      rowOf(nameOf(subject), outcomes.get(nameOf(subject))!, (results) => {
        const load = 'at 500/s'
        const own = p50({ results }, load)!
        const beside = p50(outcomes.get(nameOf({ ...subject, way: bare }))!, load)
        const isPromised = subject.way === 'tx.publish' && subject.isStill && beside !== undefined
        return {
          values: [
            ...Object.keys(loads).map((each) => figureBy(results, (result) => result[each]!.p50)),
            figureBy(results, (result) => result[load]!.p99),
            figureBy(results, (result) => result['16 at once']!.perSecond),
          ],
          ...(isPromised && {
            bars: [{ promise: '≤ 10 % slower than the bare insert, at 500/s', isMet: own <= 1.1 * beside }],
          }),
          ...(beside !== undefined && { remark: `${(own / beside).toFixed(2)} × the bare insert at 500/s` }),
        }
      }),
    ),
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
    isQuick ? 1 : 3,
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
