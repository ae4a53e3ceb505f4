import type { PlayerStatus } from '../invoices/play.ts'
import { call } from '../process/http.ts'
import type { Stage } from './stage.ts'

export interface TeamStatus {
  /** Events that are committed here and not yet published. */
  readonly outbox: number
  /** Durable commits of this life of the process. */
  readonly commits: number
  /** Where what it owns can be compared with copies. */
  readonly proofs?: string
}

export async function teamStatus(team: { readonly url: string }): Promise<TeamStatus> {
  return (await call('GET', `${team.url}/status`)).body as TeamStatus
}

/**
 * What still has to arrive; `undefined` when everything has. Asks in the direction in which events flow, so that
 * nothing can slip from a place that was not asked yet into one that was.
 */
export async function unfinished(stage: Stage): Promise<string | undefined> {
  try {
    const { busy } = (await call('GET', `${stage.sales.url}/played`)).body as PlayerStatus
    if (busy) return 'sales still takes orders'
    const { outbox } = await teamStatus(stage.sales)
    if (outbox > 0) return `sales has ${outbox} events in its outbox`
    const behindOnOrders = await behind(stage, (topic) => topic.startsWith('sales.'))
    if (behindOnOrders !== undefined) return behindOnOrders
    for (const team of [stage.crm, stage.marketing]) {
      const status = await teamStatus(team)
      if (status.outbox > 0) return `${team.name} has ${status.outbox} events in its outbox`
    }
    return await behind(stage, () => true)
  } catch (error) {
    return `somebody does not answer: ${error instanceof Error ? error.message : String(error)}`
  }
}

async function behind(stage: Stage, which: (topic: string) => boolean): Promise<string | undefined> {
  const subscriptions = await stage.operator.subscriptions()
  const late = subscriptions.find(({ topic, floor, head, pending }) => which(topic) && (pending > 0 || floor !== head))
  if (!late) return undefined
  const { subscription, floor, head, pending, ready, leased, retrying, waiting, parked, dead } = late
  const states = `${ready} ready, ${leased} leased, ${retrying} retrying, ${waiting} waiting, ${parked} parked`
  return `${subscription} is at ${floor} of ${head}: ${pending} pending (${states}), ${dead} dead`
}
