import { crm } from '../contracts/crm.ts'
import { operator } from '../tidings/copies.ts'
import type { Stage } from '../tidings/stage.ts'
import { addressOf, inDatabase, mistypedAddressOf, until, type Saboteur } from './saboteur.ts'

const subscription = 'analytics.customers'

/** The status of a customer is corrected, and the analytics team does not get it into its table. Answers what ends that. */
export async function breakHandler(
  saboteur: Saboteur,
  statuses: ReadonlyMap<string, 'active' | 'lost'>,
): Promise<() => Promise<void>> {
  const { stage, targets } = saboteur
  const correctStatus = (key: string): Promise<void> => saboteur.correct(key, { status: statuses.get(key)! })
  const { failing, behind, swallowed } = targets
  const givenUp = targets['given-up']
  if (failing.length === 0) return async () => undefined

  addTrigger(stage, 'sabotage_swallows', { keys: swallowed, action: 'raise(ignore)' })
  await saboteur.each('swallowed', correctStatus)
  await saboteur.arrived()

  const fail = `raise(abort, 'the table of the customers is out of order')`
  addTrigger(stage, 'sabotage_fails', { keys: [...failing, ...givenUp, ...behind], action: fail })
  await attempts(stage, 1)
  await saboteur.each('given-up', correctStatus)
  for (const key of behind) await saboteur.correct(key, { email: mistypedAddressOf(key) })
  await waitFor(stage, 'dead', givenUp.length + behind.length)
  await saboteur.each('behind', (key) => saboteur.correct(key, { email: addressOf(key), status: statuses.get(key)! }))
  await waitFor(stage, 'parked', behind.length)
  await attempts(stage)
  await saboteur.each('failing', correctStatus)
  await waitFor(stage, 'retrying', failing.length)
  return async () => {
    inDatabase(stage, 'analytics', (database) =>
      database.exec('drop trigger sabotage_swallows; drop trigger sabotage_fails'),
    )
  }
}

function addTrigger(
  stage: Stage,
  name: string,
  { keys, action }: { readonly keys: readonly string[]; readonly action: string },
): void {
  const ids = keys.map((key) => `'${key.replaceAll("'", "''")}'`).join(', ')
  inDatabase(stage, 'analytics', (database) =>
    database.exec(
      `create trigger ${name} before update on customers when new.id in (${ids}) begin select ${action}; end`,
    ),
  )
}

/** How often the subscription tries an event before it gives it up; as usual where nothing is said. */
async function attempts({ broker }: Stage, maxAttempts?: number): Promise<void> {
  const { filter } = await broker.subscription(operator, subscription)
  const policy = maxAttempts === undefined ? {} : { retry: { maxAttempts } }
  await broker.putSubscription(operator, { subscription, topic: crm.customer.topic, from: 'end', filter, policy })
}

async function waitFor({ broker }: Stage, state: 'dead' | 'parked' | 'retrying', events: number): Promise<void> {
  await until(`${events} events of ${subscription} are ${state}`, async () => {
    const stats = await broker.stats(operator, subscription)
    return stats[state] === events
  })
}
