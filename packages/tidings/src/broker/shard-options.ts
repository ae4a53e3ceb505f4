import type { DeliveryPolicy, Outage } from '../delivery/index.ts'
import type { Engine, TopicId, TopicKind } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import type { SubscriptionFilter } from '../event/index.ts'

export interface ShardRunnerOptions {
  readonly engine: Engine
  readonly environment: Environment
  readonly topic: TopicId
  readonly kind: TopicKind
  readonly subscription: string
  readonly shard: number
  readonly shards: number
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
