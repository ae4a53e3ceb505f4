import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Expected } from '../proof/expected.ts'
import { faultActions } from '../faults/actions.ts'
import { Journal } from '../faults/journal.ts'
import type { PlannedFault } from '../faults/plan.ts'
import { seededRandom } from '../faults/random.ts'
import { MailRecorder } from '../faults/recorder.ts'
import type { ReplayProxy } from '../faults/replay.ts'
import { replayRequests } from '../faults/replay-requests.ts'
import { runFaults } from '../faults/run.ts'
import { readFigures, type Figures } from '../proof/figures.ts'
import type { PlayerStatus } from '../invoices/play.ts'
import type { Options } from '../options.ts'
import { call } from '../process/http.ts'
import type { Processes } from '../process/processes.ts'
import type { Screen } from '../report/screen.ts'

export interface NaiveRun {
  readonly figures: Figures
  readonly seconds: number
  readonly requestsReplayed: number
}

interface Parts {
  readonly options: Options
  readonly expected: Expected
  readonly plan: readonly PlannedFault[]
  readonly screen: Screen
  readonly processes: Processes
}

/** The same orders and the same faults through four teams that commit, then POST to one another. */
export async function runNaively({ options, expected, plan, screen, processes }: Parts): Promise<NaiveRun> {
  const directory = join(options.directory, 'commit-then-post')
  mkdirSync(directory, { recursive: true })
  const recorder = await MailRecorder.start()
  const start = (team: string, environment: Record<string, string>) =>
    processes.startTeam({
      name: `naive-${team}`,
      script: `naive/${team}.js`,
      directory,
      database: `${team}.db`,
      environment,
    })

  // Marketing and the CRM call each other, so each learns the other's address through a proxy that is there first.
  const random = seededRandom(options.seed, 'replay')
  const targets = { marketing: '', analytics: '' }
  const toMarketing = await replayRequests({ target: () => targets.marketing, random })
  const toAnalytics = await replayRequests({ target: () => targets.analytics, random })
  const analytics = await start('analytics', {})
  const crm = await start('crm', { MARKETING_URL: toMarketing.url, ANALYTICS_URL: analytics.url })
  const marketing = await start('marketing', { CRM_URL: crm.url, MAIL_URL: recorder.url })
  Object.assign(targets, { marketing: marketing.url, analytics: analytics.url })
  const addresses = { CRM_URL: crm.url, MARKETING_URL: toMarketing.url, ANALYTICS_URL: toAnalytics.url }
  const sales = await start('sales', { ...addresses, ...processes.playEnvironment(options) })

  const journal = new Journal(screen)
  await call('POST', `${sales.url}/play`)
  let over = false
  const actions = faultActions({ journal, recorder, marketing, over: () => over })
  const faults = runFaults(plan, { progress: () => recorder.sent.size, over: () => over, actions })
  while (!over) {
    await pause(50)
    over = !(await played(sales.url)).busy
    journal.progress(recorder.sent.size, expected.orders.size)
  }
  await faults
  while (toMarketing.busy() || toAnalytics.busy()) await pause(10)
  const { seconds } = journal
  screen.endProgress()
  await processes.stopAll()
  const figures = readFigures({ directory, expected, recorder, copyTable: 'customers' })
  stopAll([toMarketing, toAnalytics, recorder])
  return { figures, seconds, requestsReplayed: toMarketing.replayed() + toAnalytics.replayed() }
}

async function played(url: string): Promise<PlayerStatus> {
  return (await call('GET', `${url}/played`)).body as PlayerStatus
}

function stopAll(parts: readonly (ReplayProxy | MailRecorder)[]): void {
  for (const part of parts) part.stop()
}
