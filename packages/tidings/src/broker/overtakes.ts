import type { Environment } from '../environment/index.ts'
import type { Namespace } from './namespace.ts'
import type { BrokerNotice } from './port/broker.ts'
import type { RetentionLoss } from './port/topics.ts'
import { overtakeShard } from './shard-overtake.ts'

/** What subscriptions lose where their topic may remove what they need: told at every loss, and shown while it goes on. */
export class Overtakes {
  readonly #environment: Environment
  readonly #namespace: Namespace
  readonly #report: ((notice: BrokerNotice) => void) | undefined
  readonly #losses = new Map<string, readonly RetentionLoss[]>()

  constructor(parts: {
    readonly environment: Environment
    readonly namespace: Namespace
    readonly report: ((notice: BrokerNotice) => void) | undefined
  }) {
    this.#environment = parts.environment
    this.#namespace = parts.namespace
    this.#report = parts.report
  }

  /** Who has lost something at the last look. */
  of(topic: string): readonly RetentionLoss[] | undefined {
    return this.#losses.get(topic)
  }

  /** Makes subscriptions of a topic let go of its events up to an offset. */
  async overtake(topic: string, through: number, subscriptions: readonly string[]): Promise<void> {
    const before = this.#losses.get(topic) ?? []
    const losses: RetentionLoss[] = []
    for (const subscription of subscriptions) {
      const { shards } = await this.#namespace.runner(subscription)
      let events = 0
      for (const shard of shards) events += await overtakeShard(shard, through)
      if (events === 0) continue
      this.#tell(topic, subscription, events)
      const known = before.find((each) => each.subscription === subscription)
      const since = known?.since ?? this.#environment.clock.now()
      losses.push({ subscription, events: (known?.events ?? 0) + events, since })
    }
    if (losses.length > 0) this.#losses.set(topic, losses)
    else this.#losses.delete(topic)
  }

  #tell(topic: string, subscription: string, events: number): void {
    this.#report?.({
      level: 'warning',
      message: `Subscription ${subscription} has lost ${events} events of topic ${topic}: the retention of the topic overtakes what was not consumed in time. They count as skipped there, and it goes on behind them. Look whether its consumers keep up: tidings subscriptions stats ${subscription}`,
      details: { topic, subscription, events },
    })
  }
}
