import { setTimeout as pause } from 'node:timers/promises'
import { faultActions } from '../faults/actions.ts'
import { Journal } from '../faults/journal.ts'
import type { PlannedFault } from '../faults/plan.ts'
import { runFaults } from '../faults/run.ts'
import { call } from '../process/http.ts'
import type { Screen } from '../report/screen.ts'
import { CommitCount } from './commits.ts'
import { unfinished } from './finish.ts'
import type { Stage } from './stage.ts'

/** From the commit at the CRM to the commit of the copy at analytics. */
export interface Delays {
  readonly count: number
  readonly p50: number
  readonly p99: number
}

export interface TidingsRun {
  readonly seconds: number
  readonly commits: number
  /** Under all the load and the faults; `undefined` where nobody measures it. */
  readonly delaysUnderLoad: Delays | undefined
  readonly delaysWhenCalm: Delays | undefined
}

interface Parts {
  readonly stage: Stage
  readonly orders: number
  readonly plan: readonly PlannedFault[]
  readonly screen: Screen
}

const lookEveryMs = 50
/** Without any progress for so long, something is wrong and the report must say what. */
const patienceMs = 60_000

/** Plays the orders, lets the faults happen and returns when every copy has everything. */
export async function runTidings({ stage, orders, plan, screen }: Parts): Promise<TidingsRun> {
  const { recorder, sales, marketing, server, calmOrders } = stage
  const journal = new Journal(screen)
  const commits = new CommitCount([stage.sales, stage.crm, stage.marketing, stage.analytics])
  const watch = { stage, journal, orders, commits }
  let over = false

  await call('POST', `${sales.url}/play`)
  const actions = faultActions({ journal, recorder, marketing, server, over: () => over })
  const faults = runFaults(plan, { progress: () => recorder.sent.size, over: () => over, actions })
  await waitUntilAllIsThere(watch, orders - calmOrders)
  over = true
  await faults
  // A fault that came last may have left something to do.
  await waitUntilAllIsThere(watch, orders - calmOrders)
  const delaysUnderLoad = await delaysUntilNow(stage)

  await call('POST', `${sales.url}/play-calmly`)
  await waitUntilAllIsThere(watch, orders)
  await commits.look()
  return {
    seconds: journal.seconds,
    commits: commits.total,
    delaysUnderLoad,
    delaysWhenCalm: await delaysUntilNow(stage),
  }
}

interface Watch {
  readonly stage: Stage
  readonly journal: Journal
  readonly orders: number
  readonly commits: CommitCount
}

/** Until every order taken so far has its email, every outbox is empty and every subscription at its end. */
async function waitUntilAllIsThere({ stage, journal, orders, commits }: Watch, taken: number): Promise<void> {
  let progress = { state: '', since: performance.now() }
  for (;;) {
    const sent = stage.recorder.sent.size
    journal.progress(sent, orders)
    await commits.lookNowAndThen()
    const left = sent < taken ? `${taken - sent} orders are not thanked for` : await unfinished(stage)
    if (left === undefined) return
    // How far the late one is, without what its deliveries are doing: one that is only ever tried again is no progress.
    const state = `${sent} ${left.split(':')[0]}`
    if (state !== progress.state) progress = { state, since: performance.now() }
    if (performance.now() - progress.since > patienceMs) {
      throw new Error(`Nothing has moved for a minute: ${left}; ${await unfinished(stage)}.`)
    }
    await pause(lookEveryMs)
  }
}

/** What was measured since the last call. */
async function delaysUntilNow({ analytics, python }: Stage): Promise<Delays | undefined> {
  if (python === undefined) return undefined
  return (await call('POST', `${analytics.url}/delays`)).body as Delays
}
