import type { LedgerEntry, LedgerRange } from '../engine/index.ts'
import type { Event } from '../event/index.ts'
import { offsetOf, type DeliveryMachine } from '../delivery/index.ts'
import { refusal } from './actions.ts'
import { refusals } from './refusals.ts'
import { explainOffset } from './standing.ts'
import type { PositionAnswer, PositionRefusal } from './port/positions.ts'
import type { EventAction } from './port/standing.ts'
import type { ShardRunner } from './shard-runner.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

/** What operators see and do of events that are aside, over all shards of a subscription. */

/** Stands for an event that its topic does not hold any more. */
export const gone: Event = { id: 'gone', source: 'gone', type: 'gone' }

/** Acts on the entries with these keys, in whichever shard they are; answers the offsets of those that were there. */
export async function actOn(
  { shards }: Pick<SubscriptionRunner, 'shards'>,
  keys: readonly string[],
  action: (machine: DeliveryMachine, entry: LedgerEntry, shard: ShardRunner) => void,
): Promise<ReadonlySet<number>> {
  const found = await Promise.all(
    shards.map((shard) => shard.act(keys, (entry) => action(shard.machine, entry, shard))),
  )
  return new Set(found.flat().map(({ key }) => offsetOf(key)))
}

/** The first entries of a range over all shards, at most `limit`, in the order of their keys. */
export async function listAll(
  { shards }: Pick<SubscriptionRunner, 'shards'>,
  range: LedgerRange,
  limit: number,
): Promise<readonly { readonly shard: ShardRunner; readonly entry: LedgerEntry }[]> {
  const pages = await Promise.all(
    shards.map(async (shard) => (await shard.list(range, limit)).map((entry) => ({ shard, entry }))),
  )
  return pages
    .flat()
    .sort((left, right) => (left.entry.key < right.entry.key ? -1 : 1))
    .slice(0, limit)
}

/** What is said of a position that does not allow an action: what it is there, and what can be done instead. */
export async function refused<Code extends string>(
  runner: SubscriptionRunner,
  offset: number,
  { code, action }: { readonly code: Code; readonly action: EventAction },
): Promise<PositionRefusal<Code>> {
  const explanation = await explainOffset(runner, offset)
  const message = explanation
    ? refusal(runner.subscription, explanation.state, action)
    : `The topic of ${runner.subscription} holds no event at this position: it was never given, or retention has removed it.`
  return { position: runner.position(offset), status: 'refused', code, message }
}

/** How one kind of what is aside is ended by an operator. */
interface Ending<Done extends string, Code extends string> {
  readonly action: EventAction
  readonly status: Done
  /** Of the refusal where nothing of the kind is at a position. */
  readonly code: Code
  readonly keyOf: (offset: number) => string
  /** Answers what whoever asked for it as a task is told. */
  readonly end: (machine: DeliveryMachine, entry: LedgerEntry) => string
}

/** Ends what is aside at these offsets: the subscription never delivers it. */
export async function endAside<Done extends string, Code extends string>(
  runner: SubscriptionRunner,
  offsets: readonly number[],
  ending: Ending<Done, Code>,
): Promise<readonly PositionAnswer<Done, Code>[]> {
  const refuse = await refusals(runner, offsets)
  const done = await actOn(runner, offsets.map(ending.keyOf), (machine, entry, shard) => {
    refuse(shard, offsetOf(entry.key), ending.end(machine, entry))
  })
  await runner.tasks?.flush()
  return Promise.all(
    offsets.map(async (offset): Promise<PositionAnswer<Done, Code>> => {
      if (done.has(offset)) return { position: runner.position(offset), status: ending.status }
      return refused(runner, offset, ending)
    }),
  )
}
