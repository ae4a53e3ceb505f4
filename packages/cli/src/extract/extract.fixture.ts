import { setTimeout as pause } from 'node:timers/promises'
import { chinook, sales, salesTables, sharedDatabase, type SharedDatabase } from '@tidings/tools/chinook'
import type { RoundFigures } from '@tidings/tools/torture-rounds'
import { mulberry32 } from 'tidings/testing'
import { expect, vi, type TestContext } from 'vitest'
import type { Bench, Result, RunningCommand } from '../command.fixture.ts'
import { found, Writers } from './writers.fixture.ts'

/** Two databases, and the command with their addresses. */
export interface ExtractBench {
  readonly old: SharedDatabase
  readonly new: SharedDatabase
  start(...words: readonly string[]): RunningCommand
  run(...words: readonly string[]): Promise<Result>
  /** What a database says about the extraction: its state, or under which token a side is guarded. */
  said(side: 'old' | 'new', what: 'state' | 'guard'): Promise<string | null | undefined>
}

export async function extractBench(bench: Bench, context: TestContext): Promise<ExtractBench> {
  const databases = { old: await sharedDatabase(context, chinook()), new: await sharedDatabase(context, sales) }
  const variables = { TIDINGS_FROM: databases.old.url, TIDINGS_TO: databases.new.url }
  const running = new Set<RunningCommand>()
  context.onTestFinished(async () => {
    for (const { child, ended } of running) {
      child.kill('SIGKILL')
      await ended
    }
  })
  const start = (...words: readonly string[]): RunningCommand => {
    const started = bench.start(['extract', ...words], { variables })
    running.add(started)
    void started.ended.finally(() => running.delete(started))
    return started
  }
  return {
    ...databases,
    start,
    run: (...words) => start(...words).ended,
    async said(side, what) {
      const from = what === 'state' ? 'extraction' : 'extraction_side'
      const answer = databases[side].admin.query<Record<string, string | null>>(`select ${what} from tidings.${from}`)
      // Before it has begun and after it has ended there is no such table.
      return (await answer.catch(() => undefined))?.rows[0]?.[what]
    },
  }
}

export const tables = salesTables.flatMap((table) => ['--table', table])

/** A process that follows, killed and started again until it is told to stop. */
async function followUnderKills(extract: ExtractBench, random: () => number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const running = extract.start('follow')
    await running.printed(/following|switched/).catch(() => undefined)
    await pause(random() * 3_000, undefined, { signal }).catch(() => undefined)
    running.child.kill(signal.aborted ? 'SIGTERM' : 'SIGKILL')
    await running.ended
  }
}

/** Connections that the extraction has, ended by the servers. */
async function endConnections(extract: ExtractBench, random: () => number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(1_000 + random() * 4_000, undefined, { signal }).catch(() => undefined)
    const { admin, role } = random() < 0.5 ? extract.old : extract.new
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 order by random() limit 1',
      [role],
    )
  }
}

type Moment = () => Promise<boolean>

/** Runs a command that is killed at each of these moments, until it has come to its end. Answers how often it was. */
async function reachUnderKills(
  extract: ExtractBench,
  { words, state, moments }: { words: readonly string[]; state: string; moments: readonly Moment[] },
): Promise<number> {
  const waiting = [...moments]
  for (let kills = 0; ;) {
    const running = extract.start(...words)
    let isOver = false
    const ended = running.ended.finally(() => (isOver = true))
    const moment = waiting.shift()
    while (moment && !isOver && !(await moment()));
    if (moment && !isOver && running.child.kill('SIGKILL')) kills += 1
    await ended
    if ((await extract.said('new', 'state')) === state) return kills
  }
}

/**
 * There, back and there again, with writers on both sides and kills of everything: no acknowledged write is lost. 40 s
 * where the machine has nothing else to do.
 */
export async function playExtraction(bench: Bench, context: TestContext, seed: number): Promise<RoundFigures> {
  const random = mulberry32(seed)
  const extract = await extractBench(bench, context)
  const sides = [
    { name: 'old', pool: extract.old.writers },
    { name: 'new', pool: extract.new.writers },
  ] as const
  const writers = new Writers(sides, random)
  context.onTestFinished(async () => void (await writers.stop().catch(() => undefined)))
  writers.start(4)
  const filling = extract.start('start', ...tables)
  await filling.printed(/filling/)
  filling.child.kill('SIGKILL')
  await filling.ended
  const ending = new AbortController()
  const chaos = [followUnderKills, endConnections].map((make) => make(extract, random, ending.signal))
  const becomes = (state: string) => async () => (await extract.said('new', 'state')) === state
  const guards = (side: 'old' | 'new') => async () => typeof (await extract.said(side, 'guard')) === 'string'
  await vi.waitFor(async () => expect(await extract.said('new', 'state')).toBe('following'), 60_000)
  const there = {
    words: ['switch', '--yes', '--uncompared', '--limit', '10s'],
    state: 'switched',
    moments: [becomes('switching'), guards('old'), becomes('switched')],
  }
  const back = {
    words: ['back', '--yes', '--limit', '10s'],
    state: 'following',
    moments: [becomes('returning'), guards('new'), becomes('reopening')],
  }
  const kills = [await reachUnderKills(extract, there)]
  kills.push(await reachUnderKills(extract, back), await reachUnderKills(extract, there))
  ending.abort()
  await Promise.all(chaos)
  const acknowledged = await writers.stop()
  expect(Math.min(...kills), 'each step was killed at least once').toBeGreaterThan(0)
  expect(acknowledged.commits.old).toBeGreaterThan(0)
  expect(acknowledged.commits.new).toBeGreaterThan(0)
  const compared = await extract.run('compare')
  expect(compared).toMatchObject({ code: 0 })
  for (const { pool } of sides) {
    const { invoices, totals } = await found(pool)
    expect(invoices).toEqual(acknowledged.invoices)
    expect(totals).toEqual(acknowledged.totals)
  }
  expect(await extract.run('finish', '--yes')).toMatchObject({ code: 0 })
  expect(await extract.run('status')).toMatchObject({ code: 1 })
  const { old, new: moved } = acknowledged.commits
  return { counts: { kills: kills.reduce((sum, each) => sum + each, 0), 'commits old': old, 'commits new': moved } }
}
