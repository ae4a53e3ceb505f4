import type { Broker, Caller } from '../broker/port/broker.ts'
import type { SubscriptionDescription } from '../broker/port/subscriptions.ts'
import type { Database } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import { TidingsError } from '../errors.ts'
import type { Position } from '../event/index.ts'
import { continuedAt, type Continued } from './continued.ts'
import type { Inbox } from './inbox.ts'
import { parse } from './position.ts'
import { tablesOf } from './tables.ts'

/**
 * `known`: the database stands where it stood. `went-back`: it was restored to an older state, and the subscription
 * went back to that state, so that what was lost is delivered again. `older`: it is of a time before the subscription,
 * and only an operator can say where to begin. `went-on`: the broker's store was restored to an older state, and the
 * subscription went on to where the database stands.
 */
export type Recovery = 'known' | 'went-back' | 'older' | 'went-on'

interface RecoverOptions {
  readonly broker: Broker
  readonly caller: Caller
  readonly database: Database
  readonly inbox: Inbox
  readonly description: SubscriptionDescription
  /** Whether the subscription wants everything from the beginning of its topic. */
  readonly wantsEverything: boolean
}

/**
 * Compares what the broker has seen of a database with the database, before its subscription is consumed. More than there
 * is means that the database was restored; another life of the topic, that the broker's store was. May be repeated after
 * a crash at any point.
 */
export async function recover(options: RecoverOptions): Promise<Recovery> {
  const { database, inbox, description } = options
  // Another process of the service may have applied something since.
  await inbox.load()
  const floor = await inbox.floor()
  const continued = floor === undefined ? undefined : await continuedAt(options, description.topic, floor)
  const isBehind = description.watermark > inbox.counter
  if (!isBehind && continued) {
    await moveTo(options, later(continued.position, description.floor), continued)
    return 'went-on'
  }
  if (!isBehind) {
    // A subscription begins somewhere: what lies before that is not to be applied, also after a restore.
    if (floor === undefined) await keepFloor(database, description, 0)
    return 'known'
  }
  if (floor === undefined && !options.wantsEverything) {
    await keepFloor(database, description, description.watermark)
    await inbox.load()
    return 'older'
  }
  await moveTo(options, continued?.position ?? floor ?? 'beginning', continued)
  return 'went-back'
}

/** Has the subscription go on where the database stands, whose effects count in whichever generation they happened. */
async function moveTo(
  options: RecoverOptions,
  place: Position | 'beginning',
  continued: Continued | undefined,
): Promise<void> {
  const { database, inbox, description } = options
  const { subscription } = inbox
  const { generation } = await seek(options, place)
  const counter = Math.max(description.watermark, inbox.counter)
  const { raiseCounter, statements } = tablesOf(database.dialect)
  await ownTransaction(database, async (transaction) => {
    await raiseCounter(transaction, counter)
    // What this database applied counts, in whichever generation and acknowledged or not.
    await transaction.query(statements.countInGeneration, [generation, subscription])
    const { incarnation, number } = parse(place === 'beginning' ? description.floor.replace(/\d+$/, '0') : place)
    if (continued) {
      await transaction.query(statements.moveLife, [incarnation, subscription, continued.earlier, continued.through])
    }
    await transaction.query(statements.keepFloor, [subscription, incarnation, number, generation, counter])
  })
  await inbox.load()
}

function later(left: Position, right: Position): Position {
  return parse(left).number > parse(right).number ? left : right
}

async function keepFloor(
  database: Database,
  { subscription, generation, floor }: SubscriptionDescription,
  counter: number,
): Promise<void> {
  const { incarnation, number } = parse(floor)
  const { raiseCounter, statements } = tablesOf(database.dialect)
  await ownTransaction(database, async (transaction) => {
    if (counter > 0) await raiseCounter(transaction, counter)
    await transaction.query(statements.keepFloor, [subscription, incarnation, number, generation, counter])
  })
}

async function seek(
  { broker, caller, inbox: { subscription } }: RecoverOptions,
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
