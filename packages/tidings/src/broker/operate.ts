import { TidingsError } from '../errors.ts'
import type { Engine } from '../engine/index.ts'
import { shardCounts, type ShardCounts } from '../delivery/index.ts'
import { formatPosition, parsePosition } from '../event/index.ts'
import { subscriptionActions } from './actions.ts'
import { resourceOf, type Entrance } from './entrance.ts'
import type { Namespace } from './namespace.ts'
import type { Caller } from './port/broker.ts'
import type { Outcome } from './port/deliveries.ts'
import type { SubscriptionStats } from './port/standing.ts'
import type { SubscriptionDescription } from './port/subscriptions.ts'
import type { TopicDescription } from './port/topics.ts'

export async function describeTopic(namespace: Namespace, name: string): Promise<TopicDescription> {
  const topic = await namespace.topic(name)
  const { head, incarnation, deduplication, continues } = await namespace.describe(name)
  const held = namespace.retention.held(name)
  const overtaken = namespace.retention.overtaken(name)
  return {
    ...topic,
    head: formatPosition(incarnation, head),
    deduplication,
    ...(continues && { continues }),
    ...(held && { held }),
    ...(overtaken && { overtaken }),
  }
}

/** The topics that a caller may see. */
export async function listTopics(entrance: Entrance, caller: Caller): Promise<TopicDescription[]> {
  const namespace = entrance.namespace(caller)
  const visible = (await namespace.catalog.list('topic')).filter((topic) =>
    entrance.allows(caller, 'inspect', { topic: resourceOf(topic) }),
  )
  return Promise.all(visible.map(({ topic }) => describeTopic(namespace, topic)))
}

/** The subscriptions that a caller may see. */
export async function listSubscriptions(entrance: Entrance, caller: Caller): Promise<SubscriptionDescription[]> {
  const namespace = entrance.namespace(caller)
  const visible = (await namespace.catalog.list('subscription')).filter(({ subscription }) =>
    entrance.allows(caller, 'inspect', { subscription }),
  )
  const described = visible.map(async ({ subscription }) => {
    try {
      return await describeSubscription(namespace, subscription)
    } catch (error) {
      // One that is removed while it is described is not among them any more.
      if (await namespace.catalog.find('subscription', subscription)) throw error
      return undefined
    }
  })
  return (await Promise.all(described)).filter((each) => each !== undefined)
}

export async function describeSubscription(namespace: Namespace, name: string): Promise<SubscriptionDescription> {
  const { subscription, topic, filter, policy, paused } = await namespace.subscription(name)
  const runner = await namespace.runner(name)
  const watermark = Math.max(...runner.shards.map((shard) => shard.machine.state.watermark))
  const actions = subscriptionActions[paused ? 'paused' : 'running']
  const { seekRate } = runner.gate
  return {
    subscription,
    topic,
    filter,
    policy,
    ...runner.progress(),
    actions,
    watermark,
    ...(paused && { paused }),
    ...(seekRate && { seekRate: { perSecond: seekRate.perSecond, until: runner.position(seekRate.until) } }),
  }
}

/** Refuses an outcome that says something impossible, before any outcome of its call takes effect. */
export function checkOutcome(outcome: Outcome): void {
  const actions = ['ack', 'refuse', 'retry', 'dead-letter', 'wait', 'release']
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
  const outage = 'outage' in outcome ? outcome.outage : undefined
  if (outage !== undefined && !(typeof outage === 'string' && outage.length > 0 && outage.length <= 100)) {
    throw new TidingsError(
      'bad-request',
      '"outage" must name what was out of reach in 1 to 100 characters, as in "ECONNREFUSED" or "http-503".',
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
): Promise<SubscriptionStats> {
  const runner = await namespace.runner(name)
  const { topic, paused } = await namespace.subscription(name)
  const { head, incarnation } = await namespace.describe(topic)
  const counts = runner.shards.map((shard) => shardCounts(shard.machine)).reduce(add)
  const { acknowledged, filtered, superseded, skipped, discarded, dead, carried } = counts
  const { start } = runner.shards[0]!.machine.state
  const { generation, floor } = runner.progress()
  const { outage } = runner.gate
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
    ...(outage && { outage }),
  }
}

function add(left: ShardCounts, right: ShardCounts): ShardCounts {
  const names = Object.keys(left) as (keyof ShardCounts)[]
  return Object.fromEntries(names.map((name) => [name, left[name] + right[name]])) as unknown as ShardCounts
}
