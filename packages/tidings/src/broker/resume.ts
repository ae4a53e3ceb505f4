import type { Engine } from '../engine/index.ts'
import type { Namespace } from './namespace.ts'
import type { BrokerNotice } from './port/broker.ts'
import { hasRunningRedrive } from './redrive-jobs.ts'

/**
 * Opens the subscriptions of a namespace that have something to go on with, although nobody uses them yet: their
 * redrives. One that cannot be opened keeps no other from starting; whoever uses it next is told why.
 */
export async function resumeRedrives(
  { ledger }: Pick<Engine, 'ledger'>,
  namespace: Namespace,
  report: ((notice: BrokerNotice) => void) | undefined,
): Promise<void> {
  for (const { subscription } of await namespace.catalog.list('subscription')) {
    try {
      if (await hasRunningRedrive(ledger, { namespace: namespace.name, subscription }))
        await namespace.runner(subscription)
    } catch (error) {
      const message = `The redrives of ${subscription} could not go on: ${error instanceof Error ? error.message : String(error)}`
      report?.({ level: 'warning', message, error, details: { subscription } })
    }
  }
}
