import type { FastifyInstance } from 'fastify'
import { TidingsError, type Environment } from 'tidings'
import type { Broker, Caller, SubscriptionStats } from 'tidings/broker'
import type { EngineStats } from 'tidings/engine'
import type { PushDescription } from 'tidings/protocol'

/** Something that an operator should know, as long as it lasts; `message` says it in a sentence. */
export interface Alarm {
  readonly alarm:
    | 'oldest-unacked'
    | 'dead-letters'
    | 'unreadable'
    | 'outage'
    | 'push-disabled'
    | 'topic-held'
    | 'overtaken'
    | 'store-refusing'
    | 'disk-nearly-full'
  /** Absent where it concerns the whole server. */
  readonly namespace?: string
  readonly subscription?: string
  readonly message: string
  /** Milliseconds since 1970. */
  readonly since: number
}

export interface AlarmOptions {
  /** Who looks; it has to be allowed to `inspect` every subscription. `monitor` where absent. */
  readonly principal?: string
  /** Told of each alarm that is raised or cleared, by a POST of `{ change, alarm, namespace?, subscription?, message, since }`. */
  readonly webhook?: string
  /** The age of the oldest unsettled event from which it is an alarm: 5 minutes where absent. */
  readonly oldestUnackedMs?: number
  /** The room on the disk of the store below which it is an alarm: 512 MiB where absent. */
  readonly freeBytes?: number
}

export interface AlarmParts extends AlarmOptions {
  readonly broker: Broker
  readonly namespaces: readonly string[]
  readonly engine: { stats(): Promise<EngineStats> } | undefined
  readonly push: { describe(caller: Caller, subscription: string): Promise<PushDescription> } | undefined
  readonly environment: Environment
  readonly log: Pick<FastifyInstance['log'], 'warn' | 'info'>
  readonly fetch?: typeof fetch
}

type Found = Omit<Alarm, 'since'>
type Notice = Alarm & { readonly change: 'raised' | 'cleared' }

const lookEveryMs = 15_000
const webhookTimeoutMs = 10_000
/** While a webhook cannot be reached, so many notices wait for it; the oldest go first. */
const mostWaiting = 1_000

/**
 * Looks now and then what is wrong. An alarm is raised once, when it is found, and cleared once, when it is not found any
 * more: each time with a line in the log and a call of the webhook. What could not be looked at stays as it is.
 */
export class Alarms {
  readonly #parts: AlarmParts
  readonly #raised = new Map<string, Alarm>()
  readonly #waiting: Notice[] = []
  #cancel: (() => void) | undefined
  #ticking: Promise<void> | undefined

  constructor(parts: AlarmParts) {
    this.#parts = parts
  }

  start(): void {
    this.#cancel ??= this.#parts.environment.timers.after(lookEveryMs, () => {
      this.#cancel = undefined
      void this.tick().finally(() => this.start())
    })
  }

  async stop(): Promise<void> {
    await this.#ticking
    this.#cancel?.()
    // What was under way may have set a timer again.
    this.#cancel = () => undefined
  }

  /** Those of a namespace and of the whole server, oldest first. */
  list(namespace: string): readonly Alarm[] {
    return [...this.#raised.values()].filter((alarm) => (alarm.namespace ?? namespace) === namespace)
  }

  /** One look; those who call it while one runs get that one. */
  tick(): Promise<void> {
    this.#ticking ??= this.#tick().finally(() => (this.#ticking = undefined))
    return this.#ticking
  }

  async #tick(): Promise<void> {
    const { namespaces, principal = 'monitor' } = this.#parts
    await this.#judge(undefined, () => this.#lookAtStore())
    for (const namespace of namespaces) {
      const caller = { namespace, principal }
      await this.#judge(namespace, async () => [
        ...(await this.#lookAtSubscriptions(caller)),
        ...(await this.#lookAtTopics(caller)),
      ])
    }
    await this.#tell()
  }

  /** Compares what is wrong with what was, in one namespace or in the store. */
  async #judge(namespace: string | undefined, look: () => Promise<readonly Found[]>): Promise<void> {
    const { environment, log } = this.#parts
    let found: readonly Found[]
    try {
      found = await look()
    } catch (error) {
      return log.warn({ err: error }, 'It could not be found out whether there is something to alarm about.')
    }
    const names = new Set(found.map(nameOf))
    for (const each of found) {
      const known = this.#raised.get(nameOf(each))
      const alarm: Alarm = { ...each, since: known?.since ?? environment.clock.now() }
      this.#raised.set(nameOf(each), alarm)
      if (!known) this.#notice({ change: 'raised', ...alarm })
    }
    for (const [name, alarm] of this.#raised) {
      if (alarm.namespace !== namespace || names.has(name)) continue
      this.#raised.delete(name)
      this.#notice({ change: 'cleared', ...alarm })
    }
  }

  async #lookAtStore(): Promise<readonly Found[]> {
    const { engine, freeBytes: least = 512 * 1_048_576 } = this.#parts
    const stats = await engine?.stats()
    const found: Found[] = []
    if (stats?.refusing !== undefined) found.push({ alarm: 'store-refusing', message: stats.refusing })
    if (stats?.freeBytes !== undefined && stats.freeBytes < least) {
      const message = `The disk of the store has ${stats.freeBytes} bytes left, fewer than ${least}; free some space before publishers are refused.`
      found.push({ alarm: 'disk-nearly-full', message })
    }
    return found
  }

  async #lookAtSubscriptions(caller: Caller): Promise<readonly Found[]> {
    const found: Found[] = []
    for (const { subscription } of await this.#parts.broker.subscriptions(caller)) {
      const stats = await this.#parts.broker.stats(caller, subscription).catch(unlessUnknown)
      if (stats) found.push(...this.#judgeSubscription(caller.namespace, stats))
      const push = await this.#parts.push?.describe(caller, subscription).catch(unlessUnknown)
      if (push?.state !== 'disabled') continue
      const message = `Nothing is pushed to ${push.url} any more (${push.reason ?? 'it failed for too long'}); when it works again: tidings subscriptions push resume ${subscription}`
      found.push({ alarm: 'push-disabled', namespace: caller.namespace, subscription, message })
    }
    return found
  }

  async #lookAtTopics(caller: Caller): Promise<readonly Found[]> {
    const { namespace } = caller
    const topics = await this.#parts.broker.topics(caller)
    return topics.flatMap(({ topic, held, overtaken = [] }): Found[] => {
      const lost = overtaken.map(({ subscription, events }): Found => {
        const message = `${subscription} has lost ${events} events, because topic ${topic} removes what is not consumed in time; look whether its consumers run and keep up: tidings subscriptions stats ${subscription}`
        return { alarm: 'overtaken', namespace, subscription, message }
      })
      if (!held) return lost
      const { subscription, events } = held
      const message = `${subscription} holds ${events} events of topic ${topic} on the disk that its retention would remove; let it catch up, or remove it: tidings subscriptions remove ${subscription}; or let it go when nobody has consumed it for some time: tidings subscriptions create ${subscription} --update --expires-after 7d`
      return [...lost, { alarm: 'topic-held', namespace, subscription, message }]
    })
  }

  #judgeSubscription(namespace: string, stats: SubscriptionStats): readonly Found[] {
    const { subscription, oldestPendingMs, dead, unreadable, outage } = stats
    const { oldestUnackedMs = 300_000 } = this.#parts
    const found: Found[] = []
    if (oldestPendingMs > oldestUnackedMs) {
      const message = `The oldest event of ${subscription} has waited for more than ${Math.floor(oldestUnackedMs / 1_000)} s; look whether its consumers run and keep up: tidings subscriptions show ${subscription}`
      found.push({ alarm: 'oldest-unacked', namespace, subscription, message })
    }
    if (outage) {
      const message = `What the consumers of ${subscription} need is out of reach (${outage.class}); single deliveries are tried until it is back: tidings subscriptions stats ${subscription}`
      found.push({ alarm: 'outage', namespace, subscription, message })
    }
    if (dead > 0) {
      const message = `${subscription} has dead letters; look why, then redrive or discard them: tidings dead-letters list ${subscription}`
      found.push({ alarm: 'dead-letters', namespace, subscription, message })
    }
    if (unreadable > 0) {
      const message = `The consumers of ${subscription} cannot read events that were published to it; bring their contract up to date, then: tidings redrives start ${subscription} --reason unreadable`
      found.push({ alarm: 'unreadable', namespace, subscription, message })
    }
    return found
  }

  #notice(notice: Notice): void {
    const { log, webhook } = this.#parts
    const { message, change, ...details } = notice
    if (change === 'raised') log.warn(details, `Alarm: ${message}`)
    else log.info(details, `No alarm any more: ${message}`)
    if (webhook === undefined) return
    this.#waiting.push(notice)
    if (this.#waiting.length > mostWaiting) this.#waiting.shift()
  }

  /** In order; what a webhook does not take waits for the next look. */
  async #tell(): Promise<void> {
    const { webhook, log, fetch: send = fetch } = this.#parts
    while (webhook !== undefined && this.#waiting.length > 0) {
      try {
        const response = await send(webhook, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(this.#waiting[0]),
          signal: AbortSignal.timeout(webhookTimeoutMs),
        })
        if (!response.ok) throw new Error(`it answered ${response.status}`)
        this.#waiting.shift()
      } catch (error) {
        return log.warn({ err: error }, `The webhook for alarms did not take one; it is tried again.`)
      }
    }
  }
}

function nameOf({ alarm, namespace = '', subscription = '' }: Found): string {
  return `${alarm} ${namespace} ${subscription}`
}

/** What is removed in this moment, or has no push, is nothing to alarm about. */
function unlessUnknown(error: unknown): undefined {
  if (error instanceof TidingsError && error.code.endsWith('-unknown')) return undefined
  throw error
}
