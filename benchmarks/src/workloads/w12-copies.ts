import { inDriver } from '../house/driver.ts'
import { inFolder } from '../house/folder.ts'
import { figureBy, inRounds, roundsOf } from '../house/rounds.ts'
import { rowOf, shareOf, type Table } from '../house/table.ts'
import { usageOf } from '../house/usage.ts'
import { missingPostgres } from '../systems/postgres.ts'
import { startTidingsServer } from '../systems/tidings-server.ts'
import { captured, type Captured, type CaptureRun } from './outbox/capture.ts'
import { filled, followed, type CopyKind } from './outbox/copies.ts'
import { inBank, inPlace } from './outbox/place.ts'
import type { Assignment, Workload } from './workload.ts'

interface FollowRun {
  readonly kind: CopyKind
  readonly perSecond: number
  readonly seconds: number
}

export const follow = inDriver(import.meta.url, 'follow', (run: FollowRun) =>
  inBank((bank, place) => followed(bank, { ...run, place })),
)

export const fill = inDriver(import.meta.url, 'fill', (run: { readonly kind: CopyKind; readonly rows: number }) =>
  inPlace((place) => filled(place, run)),
)

export const capture = inDriver(import.meta.url, 'capture', (run: CaptureRun) =>
  inPlace((place) => captured(place, run)),
)

interface Idle {
  readonly cpuPercent: number
  readonly megabytes: number
}

/** A server with nothing to do, some seconds after its start. */
export const rest = inDriver(import.meta.url, 'rest', ({ seconds }: { readonly seconds: number }): Promise<Idle> =>
  inFolder(async (folder) => {
    const { program } = await startTidingsServer(folder)
    const wait = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time * 1_000))
    await wait(3)
    const before = usageOf([program.pid])
    await wait(seconds)
    const after = usageOf([program.pid])
    await program.end()
    const cpuSeconds = after.cpuSeconds - before.cpuSeconds
    return { cpuPercent: (cpuSeconds * 100) / seconds, megabytes: after.anonymousBytes / 1e6 }
  }),
)

export const w12: Workload = {
  id: 'W12',
  title: 'Copies in other databases',
  async run(assignment) {
    const idle = await idling(assignment)
    if ((await missingPostgres()) !== undefined) return [idle]
    return [await following(assignment), await filling(assignment), await capturing(assignment), idle]
  },
}

const kinds: readonly CopyKind[] = ['SQLite', 'PostgreSQL']

async function following({ isQuick, say }: Assignment): Promise<Table> {
  const seconds = isQuick ? 5 : 20
  const runs = kinds.flatMap((kind) => [100, 2_000].map((perSecond) => ({ kind, perSecond, seconds })))
  const nameOf = ({ kind, perSecond }: FollowRun): string => `${kind}, ${perSecond.toLocaleString('en')}/s`
  const outcomes = await inRounds(
    roundsOf({ isQuick }, 3),
    Object.fromEntries(runs.map((run) => [nameOf(run), () => follow(run)])),
    say,
  )
  return {
    title: 'Commit at the owner to row in the copy',
    note: 'The owner is a service on PostgreSQL that tells in its transactions (`tx.changed`); owner, server and copy share the cores. Commits are durable on both sides.',
    columns: ['p50', 'p99', 'p99.9', 'max'].map((title) => ({ title, unit: 'ms' })),
    rows: [...outcomes].map(([name, outcome]) =>
      rowOf(name, outcome, (results) => {
        const [p50, p99] = [figureBy(results, (result) => result.p50), figureBy(results, (result) => result.p99)]
        return {
          values: [p50, p99, figureBy(results, ({ p999 }) => p999), figureBy(results, ({ max }) => max)],
          cpuSecondsPerMillion: figureBy(results, (result) => result.cpuSecondsPerMillion),
          bars: [
            { promise: 'p50 ≤ 10 ms', isMet: p50.median <= 10 },
            { promise: 'p99 ≤ 50 ms', isMet: p99.median <= 50 },
          ],
        }
      }),
    ),
    charts: [
      {
        title: 'Commit at the owner to row in the copy',
        kind: 'lines',
        unit: 'ms',
        isLogarithmic: true,
        categories: ['p50', 'p99', 'p99.9', 'max'],
        series: [...outcomes].flatMap(([name, outcome]) =>
          'failure' in outcome
            ? []
            : [
                {
                  name,
                  values: (['p50', 'p99', 'p999', 'max'] as const).map(
                    (key) => figureBy(outcome.results, (result) => result[key]).median,
                  ),
                },
              ],
        ),
      },
    ],
  }
}

async function filling({ isQuick, limits, say }: Assignment): Promise<Table> {
  const rows = isQuick ? 50_000 : 1_000_000
  const limit = await limits.json('parse', 200)
  const outcomes = await inRounds(
    roundsOf({ isQuick }, 3),
    Object.fromEntries(kinds.map((kind) => [kind as string, () => fill({ kind, rows })])),
    say,
  )
  return {
    title: 'Filling a copy',
    note: `${rows.toLocaleString('en')} rows of 200 B, from the topic on the server to a new table. Each is parsed at least once.`,
    columns: [{ title: 'filled', unit: 'rows/s' }],
    rows: [...outcomes].map(([name, outcome]) =>
      rowOf(name, outcome, (results) => {
        const speed = figureBy(results, (result) => result)
        return {
          values: [speed],
          share: shareOf(limit, speed.median),
          bars: [{ promise: '≥ 50,000 rows/s', isMet: speed.median >= 50_000 }],
        }
      }),
    ),
  }
}

async function capturing({ isQuick, say }: Assignment): Promise<Table> {
  const run = { scale: isQuick ? 1 : 5, seconds: isQuick ? 5 : 30 }
  const rows = (run.scale * 100_000).toLocaleString('en')
  const outcomes = await inRounds(roundsOf({ isQuick }, 3), { capture: () => capture(run) }, say)
  const rate = (name: string, of: (result: Captured) => number) =>
    rowOf(name, outcomes.get('capture')!, (results) => ({ values: [figureBy(results, of), null, null] }))
  return {
    title: 'A captured table',
    note: 'PostgreSQL, capture, server and copy share the cores. The copy in SQLite was equal in the end.',
    columns: [
      { title: 'rows or changes', unit: '/s' },
      { title: 'p50', unit: 'ms' },
      { title: 'p99', unit: 'ms' },
    ],
    rows: [
      rate(`listing ${rows} rows`, ({ listed }) => listed),
      rate(`${rows} changes in one transaction, its own time included`, ({ changed }) => changed),
      rate('the same until a copy has them', ({ copied }) => copied),
      rowOf('pgbench at 70 % of that, commit to copy', outcomes.get('capture')!, (results) => ({
        values: [
          figureBy(results, ({ lag }) => lag.count / run.seconds),
          figureBy(results, ({ lag }) => lag.p50),
          figureBy(results, ({ lag }) => lag.p99),
        ],
      })),
    ],
  }
}

async function idling({ isQuick, say }: Assignment): Promise<Table> {
  const seconds = isQuick ? 10 : 60
  const outcomes = await inRounds(roundsOf({ isQuick }, 3), { 'an idle server': () => rest({ seconds }) }, say)
  return {
    title: 'A server with nothing to do',
    columns: [
      { title: 'CPU', unit: '% of one core' },
      { title: 'anonymous memory', unit: 'MB' },
    ],
    rows: [...outcomes].map(([name, outcome]) =>
      rowOf(name, outcome, (results) => {
        const cpu = figureBy(results, ({ cpuPercent }) => cpuPercent)
        const memory = figureBy(results, ({ megabytes }) => megabytes)
        return {
          values: [cpu, memory],
          bars: [
            { promise: '< 1 % CPU', isMet: cpu.median < 1 },
            { promise: '< 120 MB', isMet: memory.median < 120 },
          ],
        }
      }),
    ),
  }
}
