import { formatPence } from '../invoices/pence.ts'
import type { Figures } from '../proof/figures.ts'
import type { Check } from '../proof/proof.ts'
import type { Delays, TidingsRun } from '../tidings/run.ts'
import { count, type Screen } from './screen.ts'

const nameWidth = 28
const columnWidth = 18

/** Both columns side by side: what the same orders and the same faults came to. */
export function printComparison(screen: Screen, left: Figures, right: Figures): void {
  const row = (name: string, one: string, other: string, remark = ''): void =>
    screen.line(
      `${name.padEnd(nameWidth)}${one.padStart(columnWidth)}${other.padStart(columnWidth)}${remark && `     ${remark}`}`,
    )
  screen.line()
  screen.line(
    screen.strong(
      `${''.padEnd(nameWidth)}${'commit-then-POST'.padStart(columnWidth)}${'Tidings'.padStart(columnWidth)}`,
    ),
  )
  row('orders lost', count(left.ordersLost), count(right.ordersLost))
  const calls = `calls ${count(left.mailCalls)} / ${count(right.mailCalls)}, orders thanked for ${count(left.emails)} / ${count(right.emails)}`
  row('emails sent twice', count(left.emailsSentTwice), count(right.emailsSentTwice), calls)
  row('customers wrong in marketing', count(left.customersWrong), count(right.customersWrong))
  row('revenue difference', formatPence(left.revenueDifferencePence), formatPence(right.revenueDifferencePence))
}

export interface ProofFacts {
  readonly checks: readonly Check[]
  readonly run: TidingsRun
  readonly deadLetters: number
  readonly revenuePence: number
  readonly commitRate: number
  readonly analytics: string
}

export function printProof(
  screen: Screen,
  { checks, run, deadLetters, revenuePence, commitRate, analytics }: ProofFacts,
): void {
  screen.line()
  checks.forEach(({ name, found, holds, differences }, index) => {
    const shown =
      name === 'analytics revenue = the file' && holds
        ? `${formatPence(revenuePence)}, every month to the penny`
        : found
    screen.line(
      `${screen.strong(index === 0 ? 'PROOF' : '     ')}  ${name.padEnd(38)} ${holds ? shown : screen.bad(`DIFFERS: ${found}`)}`,
    )
    for (const difference of differences) screen.line(`           ${difference}`)
  })
  const fact = (name: string, text: string): void => screen.line(`       ${name.padEnd(38)} ${text}`)
  fact('commit → copy, calm (100 orders/s)', describeDelays(run.delaysWhenCalm))
  fact('commit → copy, under load and faults', describeDelays(run.delaysUnderLoad))
  fact('dead letters', count(deadLetters))
  const perSecond = count(Math.round(run.commits / run.seconds))
  fact(
    'durable commits of the four teams',
    `${count(run.commits)}, ${perSecond}/s; this disk makes ${count(commitRate)}/s one by one`,
  )
  fact('analytics', analytics)
}

function describeDelays(delays: Delays | undefined): string {
  if (!delays) return 'not measured'
  return `p50 ${count(Math.round(delays.p50))} ms · p99 ${count(Math.round(delays.p99))} ms`
}
