import { TidingsError } from '../errors.ts'
import type { Engine, LogRecord, TopicId } from '../engine/index.ts'
import { asideKeys, standing } from '../delivery/index.ts'
import { parsePosition } from '../event/index.ts'
import { eventActions } from './actions.ts'
import type { Namespace } from './namespace.ts'
import type { EventReference, Explanation } from './port/standing.ts'
import type { ShardRunner } from './shard-runner.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

/** Where single events stand at a subscription. */

const scanPageSize = 1_000

export async function explain(
  engine: Engine,
  namespaceName: string,
  namespace: Namespace,
  { subscription, event }: { subscription: string; event: EventReference },
): Promise<Explanation> {
  const { topic } = await namespace.subscription(subscription)
  const runner = await namespace.runner(subscription)
  const offset =
    'position' in event
      ? parsePosition(event.position, await namespace.incarnation(topic))
      : await findByIdentity(engine, { namespace: namespaceName, topic }, event)
  const explanation = offset === undefined ? undefined : await explainOffset(runner, offset)
  if (explanation) return explanation
  if (offset !== undefined && offset >= 1 && offset <= (await namespace.describe(topic)).trimmed) {
    const state = 'beyond-retention'
    return { position: runner.position(offset), state, actions: eventActions[state] }
  }
  throw new TidingsError(
    'position-unknown',
    `Topic ${topic} does not hold this event: it was never published here, or retention has removed it.`,
  )
}

/** `undefined` where the topic does not hold such an event. */
export async function explainOffset(runner: SubscriptionRunner, offset: number): Promise<Explanation | undefined> {
  const record = await runner.shards[0]!.log.record(offset)
  const shard = record && (await shardOf(runner, record))
  if (!shard) return undefined
  const found = standing(shard.machine, record, await shard.find(asideKeys(shard.machine, record)))
  const replaced = (await shard.edited(record))?.replaced
  return {
    position: runner.position(offset),
    ...withPositions(runner, found),
    actions: eventActions[found.state],
    ...(replaced ? { replaced } : {}),
  } as Explanation
}

/** The shard that has an event. Erased, it does not tell its priority any more, so it is looked for where it may be. */
async function shardOf({ lanes }: SubscriptionRunner, record: LogRecord): Promise<ShardRunner | undefined> {
  const shards = lanes.map((lane) => lane[record.shard]!)
  for (const shard of record.erased ? shards : []) {
    const { machine } = shard
    if (machine.state.entries.has(record.offset)) return shard
    if ((await shard.find(asideKeys(machine, record))).length > 0) return shard
  }
  return shards[shards[0]!.priorityOf(record.event)]
}

function withPositions(runner: SubscriptionRunner, found: ReturnType<typeof standing>): object {
  if (found.state === 'behind') return { ...found, head: runner.position(found.head) }
  if (found.state === 'parked' && found.deadLetter !== undefined)
    return { ...found, deadLetter: runner.position(found.deadLetter) }
  const heldBack = found.state === 'ready' && runner.gate.heldBack()
  return heldBack ? { ...found, heldBack } : found
}

async function findByIdentity(
  engine: Engine,
  id: TopicId,
  { source, id: eventId }: { source: string; id: string },
): Promise<number | undefined> {
  for (let after = 0; ;) {
    const page = await engine.log.read(id, { after, limit: scanPageSize })
    const found = page.records.find(({ event }) => event.source === source && event.id === eventId)
    if (found || page.until === after) return found?.offset
    after = page.until
  }
}
