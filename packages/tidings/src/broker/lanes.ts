import type { Engine, TopicId } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import { parseLeaseToken, type Outage } from '../delivery/index.ts'
import type { StoredSubscription, StoredTopic } from './catalog.ts'
import { ledgerCount, Priorities } from './priorities.ts'
import type { ShardRunnerOptions } from './shard-options.ts'
import { ShardRunner } from './shard-runner.ts'

export interface LaneOptions {
  readonly engine: Engine
  readonly environment: Environment
  readonly topicId: TopicId
  readonly topic: StoredTopic
  readonly definition: StoredSubscription
}

/** Starts a runner for each shard and priority of a subscription, in the order of their ledgers. */
export function startShards(
  options: LaneOptions,
  outage: Outage,
  calls: Pick<ShardRunnerOptions, 'onMovement' | 'onProgress' | 'onLost'>,
): Promise<ShardRunner[]> {
  const { engine, environment, topicId, topic, definition } = options
  const { subscription, start, policy, filter } = definition
  const { shards, kind } = topic
  const priorities = new Priorities(policy)
  const startShard = (_: unknown, ledger: number): Promise<ShardRunner> =>
    ShardRunner.start({
      engine,
      environment,
      topic: topicId,
      kind,
      subscription,
      ledger,
      shard: ledger % shards,
      shards,
      priority: Math.floor(ledger / shards),
      priorities,
      start,
      policy,
      filter,
      outage,
      ...calls,
    })
  return Promise.all(Array.from({ length: ledgerCount(shards, policy) }, startShard))
}

/** The runners of each priority, what matters most first. */
export function lanesOf(shards: readonly ShardRunner[]): readonly (readonly ShardRunner[])[] {
  const lanes: ShardRunner[][] = []
  for (const shard of shards) (lanes[shard.priority] ??= []).push(shard)
  return lanes
}

/** Everybody, beginning with another one at each turn. */
export function inTurn<Item>(all: readonly Item[], turn: number): readonly Item[] {
  const first = turn % all.length
  return [...all.slice(first), ...all.slice(0, first)]
}

/** Whether a lease has not ended. */
export function holdsLease(shards: readonly ShardRunner[], lease: string): boolean {
  const token = parseLeaseToken(lease)
  return token !== undefined && shards[token.shard]!.machine.holds(token)
}
