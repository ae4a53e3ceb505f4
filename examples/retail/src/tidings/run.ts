import { setTimeout as pause } from 'node:timers/promises'
import type { PlannedFault } from '../faults/plan.ts'
import { runFaults } from '../faults/run.ts'
import { call } from '../process/http.ts'
import { count, type Screen } from '../report/screen.ts'
import { teamStatus, unfinished, type TeamStatus } from './finish.ts'
import type { Stage } from './stage.ts'

export interface TidingsRun {
  readonly seconds: number
  readonly commits: number
  /** From the commit at the CRM to the commit of analytics' copy, in words. */
  readonly delay: string
  readonly deadLetters: number
}

interface Parts {
  readonly stage: Stage
  readonly orders: number
  readonly plan: readonly PlannedFault[]
  readonly screen: Screen
}

const mailFailureMs = 3000
const lookEveryMs = 50
/** Without any progress for so long, something is wrong and the report must say what. */
const patienceMs = 60_000

/** Plays the orders, lets the faults happen and returns when every copy has everything. */
export async function runTidings({ stage, orders, plan, screen }: Parts): Promise<TidingsRun> {
  const { recorder, sales } = stage
  const startedAt = performance.now()
  const elapsed = (): number => (performance.now() - startedAt) / 1000
  await call('POST', `${sales.url}/play`)

  let over = false
  const fault = (name: string, happened: string): void =>
    screen.line(`  ${elapsed().toFixed(0).padStart(2, '0')} s  ✖ ${name.padEnd(34)} ${happened}`)
  const faults = runFaults(plan, {
    progress: () => recorder.sent.size,
    over: () => over,
    actions: {
      'kill-marketing': async () =>
        fault('marketing killed (SIGKILL)', `mails again after ${await marketingDeath(stage, orders)}`),
      'kill-server': async () =>
        fault('server killed (SIGKILL)', `ready after ${await timed(() => stage.server.kill())}`),
      'fail-mail': async () => {
        const before = recorder.refused
        await recorder.failFor(mailFailureMs)
        fault('mail provider failing for 3 s', `${count(recorder.refused - before)} calls refused and tried again`)
      },
    },
  })
  await waitUntilFinished({ stage, orders, screen, elapsed, allSent: () => (over = true) })
  await faults
  // A fault that came last may have left something to do.
  await waitUntilFinished({ stage, orders, screen, elapsed, allSent: () => undefined })
  const teams = [stage.sales, stage.crm, stage.marketing, stage.analytics]
  const statuses = await Promise.all(teams.map((team) => teamStatus(team)))
  const subscriptions = await stage.operator.subscriptions()
  return {
    seconds: elapsed(),
    delay: describeDelay(statuses.at(-1)?.delayMs),
    commits: statuses.reduce((sum, { commits }) => sum + commits, 0),
    deadLetters: subscriptions.reduce((sum, { dead }) => sum + dead, 0),
  }
}

function describeDelay(delayMs: TeamStatus['delayMs']): string {
  if (!delayMs) return 'not measured'
  return `p50 ${Math.round(delayMs.p50 ?? 0)} ms · p99 ${Math.round(delayMs.p99 ?? 0)} ms`
}

interface Waiting {
  readonly stage: Stage
  readonly orders: number
  readonly screen: Screen
  readonly elapsed: () => number
  /** Called when every order has its email, so that no fault waits for more. */
  readonly allSent: () => void
}

async function waitUntilFinished({ stage, orders, screen, elapsed, allSent }: Waiting): Promise<void> {
  let progress = { sent: -1, since: performance.now() }
  for (;;) {
    const sent = stage.recorder.sent.size
    screen.progress({ done: sent, total: orders, seconds: elapsed(), unit: 'orders' })
    if (sent !== progress.sent) progress = { sent, since: performance.now() }
    const left = sent < orders ? `${orders - sent} orders are not thanked for` : await unfinished(stage)
    if (left === undefined) return allSent()
    if (sent >= orders) allSent()
    if (performance.now() - progress.since > patienceMs)
      throw new Error(`Nothing has moved for a minute: ${left}; ${await unfinished(stage)}.`)
    await pause(lookEveryMs)
  }
}

async function marketingDeath({ marketing, recorder }: Stage, orders: number): Promise<string> {
  return timed(async () => {
    await marketing.kill()
    const before = recorder.calls
    while (recorder.calls === before && recorder.sent.size < orders) await pause(5)
  })
}

async function timed(work: () => Promise<void>): Promise<string> {
  const start = performance.now()
  await work()
  return `${((performance.now() - start) / 1000).toFixed(1)} s`
}
