import type { DeliveryPolicy, Outage } from '../delivery/index.ts'
import type { Engine, TopicId, TopicKind } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import type { SubscriptionFilter } from '../event/index.ts'
import type { Priorities } from './priorities.ts'

export interface ShardRunnerOptions {
  readonly engine: Engine
  readonly environment: Environment
  readonly topic: TopicId
  readonly kind: TopicKind
  readonly subscription: string
  /** Which shard of the topic it reads, of how many. */
  readonly shard: number
  readonly shards: number
  /** The number of its ledger, which its lease tokens carry: `shard + priority * shards`. */
  readonly ledger: number
  /** Which events it has: those of one priority of the subscription, 0 first. */
  readonly priority: number
  readonly priorities: Priorities
  readonly start: number
  readonly policy: DeliveryPolicy
  readonly outage: Outage
  readonly filter: SubscriptionFilter
  /** Called when more may be handed out. */
  readonly onMovement: () => void
  /** Called when the committed floor or the generation moved. */
  readonly onProgress: () => void
  /** Called once when another server took the shard over. */
  readonly onLost: (error: Error) => void
}
