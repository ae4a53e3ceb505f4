import { TidingsError } from '../errors.ts'
import type { Engine, LogRecord } from '../engine/index.ts'
import { asideKeys, shardCounts, standing, type ShardCounts } from '../delivery/index.ts'
import { formatPosition, parsePosition } from '../event/index.ts'
import type { Namespace } from './namespace.ts'
import type * as port from './port.ts'
import type { ShardRunner } from './shard-runner.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

const scanPageSize = 1_000

export async function describeTopic(namespace: Namespace, name: string): Promise<port.TopicDescription> {
  const topic = await namespace.topic(name)
  const { head, incarnation, deduplication } = await namespace.describe(name)
  return { ...topic, head: formatPosition(incarnation, head), deduplication }
}

export async function describeSubscription(namespace: Namespace, name: string): Promise<port.SubscriptionDescription> {
  const { subscription, topic, filter, policy, paused } = await namespace.subscription(name)
  const runner = await namespace.runner(name)
  const { watermark } = runner
  return { subscription, topic, filter, policy, ...runner.progress(), watermark, ...(paused && { paused }) }
}

/** Refuses an outcome that says something impossible, before any outcome of its call takes effect. */
export function checkOutcome(outcome: port.Outcome): void {
  const actions = ['ack', 'retry', 'dead-letter', 'wait', 'release']
  if (!actions.includes(outcome.action)) {
    throw new TidingsError('bad-request', `"${outcome.action}" is not an outcome; use ${actions.join(', ')}.`)
  }
  if (outcome.action === 'ack' || outcome.action === 'release') return
  if (typeof outcome.reason !== 'string') {
    throw new TidingsError(
      'bad-request',
      `The outcome ${outcome.action} needs a "reason" in words, for whoever looks at it later.`,
    )
  }
  const afterMs = 'afterMs' in outcome ? outcome.afterMs : undefined
  if (afterMs !== undefined && !(Number.isFinite(afterMs) && afterMs >= 0 && afterMs <= 31_536_000_000)) {
    throw new TidingsError(
      'bad-request',
      `"afterMs" must be a number from 0 to a year in milliseconds; it was ${String(afterMs)}.`,
    )
  }
}

// ---------------------------------------------------------------------------------------------------------------- figures

export async function subscriptionStats(
  engine: Engine,
  namespaceName: string,
  namespace: Namespace,
  name: string,
  now: number,
): Promise<port.SubscriptionStats> {
  const runner = await namespace.runner(name)
  const { topic, paused } = await namespace.subscription(name)
  const { head, incarnation } = await namespace.describe(topic)
  const counts = runner.shards.map((shard) => shardCounts(shard.machine)).reduce(add)
  const { acknowledged, filtered, superseded, skipped, discarded, dead, carried } = counts
  const { start } = runner.shards[0]!.machine.state
  const { generation, floor } = runner.progress()
  const floorOffset = parsePosition(floor, incarnation)
  const [oldest] =
    floorOffset < head
      ? (await engine.log.read({ namespace: namespaceName, topic }, { after: floorOffset, limit: 1 })).records
      : []
  return {
    subscription: name,
    topic,
    generation,
    floor,
    head: formatPosition(incarnation, head),
    ...counts,
    pending: head - start + carried - acknowledged - filtered - superseded - skipped - discarded - dead,
    oldestPendingMs: oldest ? Math.max(0, now - oldest.appendedAt) : 0,
    consumers: runner.consumers,
    ...(paused && { paused }),
  }
}

function add(left: ShardCounts, right: ShardCounts): ShardCounts {
  const names = Object.keys(left) as (keyof ShardCounts)[]
  return Object.fromEntries(names.map((name) => [name, left[name] + right[name]])) as unknown as ShardCounts
}

// ---------------------------------------------------------------------------------------------------------------- explain

export async function explain(
  engine: Engine,
  namespaceName: string,
  namespace: Namespace,
  { subscription, event }: { subscription: string; event: port.EventReference },
): Promise<port.Explanation> {
  const { topic } = await namespace.subscription(subscription)
  const runner = await namespace.runner(subscription)
  const incarnation = await namespace.incarnation(topic)
  const id = { namespace: namespaceName, topic }
  const record =
    'position' in event
      ? (await engine.log.read(id, { after: parsePosition(event.position, incarnation) - 1, limit: 1 })).records[0]
      : await findByIdentity(engine, id, event)
  if (!record || ('position' in event && record.offset !== parsePosition(event.position, incarnation))) {
    throw new TidingsError(
      'position-unknown',
      `Topic ${topic} does not hold this event: it was never published here, or retention has removed it.`,
    )
  }
  const shard = runner.shards[record.shard]!
  return {
    position: runner.position(record.offset),
    ...(await withPositions(runner, shard, record)),
  } as port.Explanation
}

async function withPositions(runner: SubscriptionRunner, shard: ShardRunner, record: LogRecord): Promise<object> {
  const found = standing(shard.machine, record, await shard.find(asideKeys(shard.machine, record)))
  if (found.state === 'behind') return { ...found, head: runner.position(found.head) }
  if (found.state === 'parked' && found.deadLetter !== undefined)
    return { ...found, deadLetter: runner.position(found.deadLetter) }
  const heldBack = found.state === 'ready' && runner.gate.heldBack()
  return heldBack ? { ...found, heldBack } : found
}

async function findByIdentity(
  engine: Engine,
  id: { namespace: string; topic: string },
  { source, id: eventId }: { source: string; id: string },
): Promise<LogRecord | undefined> {
  for (let after = 0; ;) {
    const page = await engine.log.read(id, { after, limit: scanPageSize })
    const found = page.records.find(({ event }) => event.source === source && event.id === eventId)
    if (found || page.until === after) return found
    after = page.until
  }
}
