import type { Environment } from '../environment/index.ts'
import type { Namespace } from './namespace.ts'
import type { BrokerNotice } from './port/broker.ts'
import type { RetentionLoss } from './port/topics.ts'
import { overtakeShard } from './shard-overtake.ts'

/** For so long a loss is named at least: whoever looks now and then sees it as well. */
const shownAtLeastMs = 60_000

interface Loss {
  readonly loss: RetentionLoss
  /** By the monotonic clock. */
  readonly shownUntil: number
}

/**
 * What subscriptions lose where their topic may remove what they need: told at every loss, and shown while it goes on and
 * for a minute more.
 */
export class Overtakes {
  readonly #environment: Environment
  readonly #namespace: Namespace
  readonly #report: ((notice: BrokerNotice) => void) | undefined
  readonly #shownMs: number
  readonly #losses = new Map<string, readonly Loss[]>()

  constructor(parts: {
    readonly environment: Environment
    readonly namespace: Namespace
    /** The time between two looks: what is lost at each of them is one loss that goes on. */
    readonly everyMs: number
    readonly report: ((notice: BrokerNotice) => void) | undefined
  }) {
    this.#environment = parts.environment
    this.#namespace = parts.namespace
    this.#report = parts.report
    this.#shownMs = parts.everyMs + shownAtLeastMs
  }

  /** Who has lost something, until there was no loss for the time of a look and a minute. */
  of(topic: string): readonly RetentionLoss[] | undefined {
    const losses = this.#shown(topic)
    return losses.length > 0 ? losses.map(({ loss }) => loss) : undefined
  }

  /** Makes subscriptions of a topic let go of its events up to an offset. */
  async overtake(topic: string, through: number, subscriptions: readonly string[]): Promise<void> {
    for (const subscription of subscriptions) {
      const { shards } = await this.#namespace.runner(subscription)
      let events = 0
      for (const shard of shards) events += await overtakeShard(shard, through)
      if (events > 0) this.#lose(topic, subscription, events)
    }
  }

  #shown(topic: string): readonly Loss[] {
    const now = this.#environment.clock.monotonic()
    return (this.#losses.get(topic) ?? []).filter(({ shownUntil }) => shownUntil > now)
  }

  #lose(topic: string, subscription: string, events: number): void {
    const { clock } = this.#environment
    const shown = this.#shown(topic)
    const known = shown.find(({ loss }) => loss.subscription === subscription)
    const { since, events: before } = known?.loss ?? { since: clock.now(), events: 0 }
    const loss = { subscription, events: before + events, since }
    const others = shown.filter((each) => each !== known)
    this.#losses.set(topic, [...others, { loss, shownUntil: clock.monotonic() + this.#shownMs }])
    this.#report?.({
      level: 'warning',
      message: `Subscription ${subscription} has lost ${events} events of topic ${topic}: the retention of the topic overtakes what was not consumed in time. They count as skipped there, and it goes on behind them. Look whether its consumers keep up: tidings subscriptions stats ${subscription}`,
      details: { topic, subscription, events },
    })
  }
}
