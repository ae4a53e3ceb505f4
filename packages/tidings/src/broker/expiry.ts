import type { Engine } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import type { Namespace } from './namespace.ts'
import type { BrokerNotice } from './port/broker.ts'

const pageSize = 1_000

export interface ExpiryOptions {
  readonly engine: Engine
  readonly environment: Environment
  readonly namespace: Namespace
  /** The name of that namespace. */
  readonly name: string
  readonly report: ((notice: BrokerNotice) => void) | undefined
}

/**
 * Removes subscriptions that nobody has consumed for as long as their policy allows. How long that is stands in a ledger
 * and grows only while a broker is there to be consumed from: whoever was kept away by it loses nothing. Where several
 * servers share a store, the one that runs a subscription counts.
 */
export class Expiry {
  readonly #options: ExpiryOptions
  readonly #id: { readonly namespace: string; readonly ledger: string; readonly shard: number }
  /** For how many milliseconds nobody has consumed; who was there at the last look is not named. */
  #idle: Map<string, number> | undefined
  #lookedAt: number | undefined

  constructor(options: ExpiryOptions) {
    this.#options = options
    this.#id = { namespace: options.name, ledger: '$idle', shard: 0 }
  }

  /** One look; of the time since the last one no more than `most` counts, because the process may have stood still. */
  async tick(most: number): Promise<void> {
    const { environment, namespace, engine, report } = this.#options
    const now = environment.clock.monotonic()
    const elapsedMs = Math.min(most, now - (this.#lookedAt ?? now))
    this.#lookedAt = now
    const idle = (this.#idle ??= await this.#load())
    const changed = new Map<string, number>()
    const expired: { readonly subscription: string; readonly topic: string; readonly idleMs: number }[] = []
    for (const { subscription, topic, policy } of await namespace.catalog.list('subscription')) {
      if (policy.expiresAfterMs === undefined) continue
      const runner = await namespace.openRunner(subscription)
      if (!runner && engine.capabilities.shared) continue
      const before = idle.get(subscription) ?? 0
      const isUsed = runner !== undefined && (runner.used || runner.consumers > 0)
      if (runner) runner.used = false
      const idleMs = isUsed ? 0 : before + elapsedMs
      if (idleMs !== before) changed.set(subscription, idleMs)
      if (idleMs >= policy.expiresAfterMs) expired.push({ subscription, topic, idleMs })
    }
    await this.#save(changed)
    for (const { subscription, topic, idleMs } of expired) {
      await namespace.removeSubscription(subscription)
      report?.({
        level: 'warning',
        message: `Subscription ${subscription} was removed, because nobody has consumed it for ${Math.round(idleMs / 1_000)} s: it had expired. It holds nothing of topic ${topic} any more; whoever consumed it has to create it again, and to load what it missed.`,
        details: { subscription, topic, idleMs },
      })
    }
  }

  /** The subscription is being removed: another one of its name begins anew. */
  async forget(subscription: string): Promise<void> {
    if (this.#idle && !this.#idle.has(subscription)) return
    await this.#save(new Map([[subscription, 0]]))
  }

  async #load(): Promise<Map<string, number>> {
    const idle = new Map<string, number>()
    for (let from = ''; ;) {
      const page = await this.#options.engine.ledger.load(this.#id, { from }, pageSize)
      for (const { key, value } of page) idle.set(key, Number(value))
      if (page.length < pageSize) return idle
      from = `${page.at(-1)!.key}!`
    }
  }

  async #save(changed: ReadonlyMap<string, number>): Promise<void> {
    if (changed.size === 0) return
    const { ledger } = this.#options.engine
    const changes = [...changed].map(([key, idleMs]) => ({ key, value: idleMs === 0 ? null : String(idleMs) }))
    await ledger.commit(await ledger.own(this.#id), changes)
    for (const [key, idleMs] of changed) {
      if (idleMs === 0) this.#idle?.delete(key)
      else this.#idle?.set(key, idleMs)
    }
  }
}
