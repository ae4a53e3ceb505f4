import { TidingsError } from '../errors.ts'
import type { Engine, TopicId } from '../engine/index.ts'
import { asideKeys, standing } from '../delivery/index.ts'
import { parsePosition } from '../event/index.ts'
import { eventActions } from './actions.ts'
import type { Namespace } from './namespace.ts'
import type { EventReference, Explanation } from './port/standing.ts'
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
  const first = runner.shards[0]!
  const record = await first.log.record(offset)
  if (!record) return undefined
  const shard = runner.lanes[first.priorityOf(record.event)]![record.shard]!
  const found = standing(shard.machine, record, await shard.find(asideKeys(shard.machine, record)))
  const replaced = (await shard.edited(record))?.replaced
  return {
    position: runner.position(offset),
    ...withPositions(runner, found),
    actions: eventActions[found.state],
    ...(replaced ? { replaced } : {}),
  } as Explanation
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
