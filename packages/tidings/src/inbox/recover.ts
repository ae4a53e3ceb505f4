import type { Broker, Caller, SubscriptionDescription } from '../broker/port.ts'
import type { Database } from '../database/index.ts'
import { TidingsError } from '../errors.ts'
import { parse, type Inbox } from './inbox.ts'
import { statements } from './statements.ts'

/**
 * `known`: the database stands where it stood. `went-back`: it was restored to an older state, and the subscription
 * went back to that state, so that what was lost is delivered again. `older`: it is of a time before the subscription,
 * and only an operator can say where to begin.
 */
export type Recovery = 'known' | 'went-back' | 'older'

/**
 * Compares what the broker has seen of a database with the database, before its subscription is consumed. More than there
 * is means that the database was restored. May be repeated after a crash at any point.
 */
export async function recover(options: {
  readonly broker: Broker
  readonly caller: Caller
  readonly database: Database
  readonly inbox: Inbox
  readonly description: SubscriptionDescription
  /** Whether the subscription wants everything from the beginning of its topic. */
  readonly wantsEverything: boolean
}): Promise<Recovery> {
  const { database, inbox, description } = options
  // Another process of the service may have applied something since.
  await inbox.load()
  const floor = await inbox.floor()
  if (description.watermark <= inbox.counter) {
    // A subscription begins somewhere: what lies before that is not to be applied, also after a restore.
    if (floor === undefined) await keepFloor(database, description, 0)
    return 'known'
  }
  if (floor === undefined && !options.wantsEverything) {
    await keepFloor(database, description, description.watermark)
    await inbox.load()
    return 'older'
  }
  const { generation } = await seek(options, floor ?? 'beginning')
  await database.transaction(async (transaction) => {
    // What this database applied counts, in whichever generation and acknowledged or not.
    await transaction.query(statements.countInGeneration, [generation, inbox.subscription])
    await transaction.query(statements.useCounter, [description.watermark])
    await transaction.query(statements.freeCounter)
    const { incarnation, number } = parse(floor ?? description.floor.replace(/\d+$/, '0'))
    const { watermark } = description
    await transaction.query(statements.keepFloor, [inbox.subscription, incarnation, number, generation, watermark])
  })
  await inbox.load()
  return 'went-back'
}

async function keepFloor(
  database: Database,
  { subscription, generation, floor }: SubscriptionDescription,
  counter: number,
): Promise<void> {
  const { incarnation, number } = parse(floor)
  await database.transaction(async (transaction) => {
    await transaction.query(statements.useCounter, [counter])
    await transaction.query(statements.freeCounter)
    await transaction.query(statements.keepFloor, [subscription, incarnation, number, generation, counter])
  })
}

async function seek(
  { broker, caller, inbox: { subscription } }: { broker: Broker; caller: Caller; inbox: Inbox },
  to: string,
): Promise<SubscriptionDescription> {
  try {
    return await broker.seek(caller, { subscription, to, effects: 'missing' })
  } catch (error) {
    // The topic has begun another life, or what lay there was trimmed: everything that there is.
    if (!(error instanceof TidingsError) || error.code !== 'position-unknown') throw error
    return await broker.seek(caller, { subscription, to: 'beginning', effects: 'missing' })
  }
}
