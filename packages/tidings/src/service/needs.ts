import type { Broker, Caller } from '../broker/port/broker.ts'
import type { ConsumerNeeds } from '../broker/port/contracts.ts'
import { sleep, type Environment } from '../environment/index.ts'
import type { RunningReplica } from '../replica/index.ts'
import type { HandlerReads } from './handler-reads.ts'

const everyMs = 60_000
/** What was told is told again, so that what is in use can be told from what was in use a year ago. */
const againMs = 3_600_000
const longestStopMs = 1_000
/** The broker takes as many consumers in a call. */
const atOnce = 100

export interface NeedsOptions {
  readonly broker: Broker
  readonly caller: Caller
  readonly service: string
  readonly environment: Environment
  readonly replicas: readonly Pick<RunningReplica, 'name' | 'topic' | 'columns'>[]
  readonly handlers: readonly { readonly name: string; readonly topic: string; readonly reads: HandlerReads }[]
}

/**
 * Tells the broker which fields the copies and handlers of a service read, for those who want to change a contract: once
 * a minute what is new, once an hour all of it, and what is left at the stop. Nothing depends on it: what the broker does
 * not take is told again, and nobody is told about that.
 */
export class Needs {
  readonly #options: NeedsOptions
  /** When each field of a consumer was told last, on the monotonic clock. */
  readonly #toldAt = new Map<string, number>()
  #cancel: () => void = () => undefined
  #stopped = false

  constructor(options: NeedsOptions) {
    this.#options = options
  }

  start(): void {
    void this.#tell().then(() => {
      if (this.#stopped) return
      this.#cancel = this.#options.environment.timers.after(everyMs, () => this.start())
    })
  }

  /** Tells what was not told yet, and waits for that no longer than a second. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel()
    const given = new AbortController()
    const told = this.#tell().finally(() => given.abort())
    await Promise.race([told, sleep(this.#options.environment, longestStopMs, given.signal)])
  }

  async #tell(): Promise<void> {
    const now = this.#options.environment.clock.monotonic()
    const due = this.#all().flatMap((need) => {
      const fields = need.fields.filter(
        (field) => now - (this.#toldAt.get(nameOf(need, field)) ?? -Infinity) >= againMs,
      )
      if (fields.length === 0) return []
      // What is declared replaces what was declared before, so it is told as a whole.
      return [need.observed ? { ...need, fields } : need]
    })
    // One topic after the other: the broker takes nothing of a call that names one which does not exist yet.
    for (const topic of new Set(due.map((need) => need.topic))) {
      const needs = due.filter((need) => need.topic === topic)
      for (let start = 0; start < needs.length; start += atOnce)
        await this.#report(needs.slice(start, start + atOnce), now)
    }
  }

  async #report(needs: readonly ConsumerNeeds[], now: number): Promise<void> {
    const { broker, caller, service } = this.#options
    try {
      await broker.reportNeeds(caller, { service, needs })
      for (const need of needs) for (const field of need.fields) this.#toldAt.set(nameOf(need, field), now)
    } catch {
      // The next time tells it.
    }
  }

  #all(): readonly ConsumerNeeds[] {
    const { service, replicas, handlers } = this.#options
    return [
      ...replicas.map(({ name, topic, columns }): ConsumerNeeds => ({
        topic,
        consumer: `${service}.replica.${name}`,
        as: 'replica',
        fields: columns.map((column) => `/${column.replaceAll('~', '~0').replaceAll('/', '~1')}`),
        observed: false,
      })),
      ...handlers.map(({ name, topic, reads }): ConsumerNeeds => ({
        topic,
        consumer: `${service}.${name}`,
        as: 'handler',
        fields: reads.fields,
        observed: true,
      })),
    ]
  }
}

function nameOf({ consumer }: ConsumerNeeds, field: string): string {
  return `${consumer} ${field}`
}
