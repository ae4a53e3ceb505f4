import type { LedgerEntry, LedgerRange } from '../engine/index.ts'
import type { Event, Position } from '../event/index.ts'
import { offsetOf, type DeliveryMachine } from '../delivery/index.ts'
import { refusal } from './actions.ts'
import { explainOffset } from './standing.ts'
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
): Promise<{ position: Position; status: 'refused'; code: Code; message: string }> {
  const explanation = await explainOffset(runner, offset)
  const message = explanation
    ? refusal(runner.subscription, explanation.state, action)
    : `The topic of ${runner.subscription} holds no event at this position: it was never given, or retention has removed it.`
  return { position: runner.position(offset), status: 'refused', code, message }
}
