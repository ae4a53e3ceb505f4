import type { Broker, Caller } from '../broker/port/broker.ts'
import { Backoff, type Report } from '../consumer/index.ts'
import type { Database } from '../database/index.ts'
import { systemEnvironment, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { validateName } from '../event/index.ts'
import { createOutbox, type Outbox, type OutboxStats } from '../outbox/index.ts'
import { databaseIdentity } from './identity.ts'
import { outboxInserts, type WakeUps } from './wake-ups.ts'

export interface RelayOptions {
  /** Whose database it is. */
  readonly service: string
  readonly broker: Broker
  readonly database: Database
  /** `default` unless told. */
  readonly namespace?: string
  /** Told what a person should know. */
  readonly report: Report
  /** Wakes the relay when something was committed, such as `followCommits()` of `tidings/capture`; without it the relay polls. */
  readonly wakeUps?: WakeUps
  /** How often it looks without having been woken; 200 ms. A fifth as often where nothing came for a while. */
  readonly pollMs?: number
  readonly environment?: Environment
}

/** Publishes what other programs write into the outbox of a database, such as with `tidings.publish()` in PostgreSQL. */
export interface Relay {
  /**
   * Says whose database it is, which the broker refuses where it knows another one, and relays until `stop`. The
   * database must be running; the broker need not be.
   */
  start(): Promise<void>
  stop(): Promise<void>
  stats(): Promise<OutboxStats>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A relay without its service. Several may run for one database, and beside its service: one of them relays, the others
 * stand by. A database that was restored is told about; every entity has to be published again then, which only its
 * service can do, so that this stays due until one did.
 */
export function createRelay(options: RelayOptions): Relay {
  validateName(options.service, 'service')
  return new StandaloneRelay(options)
}

class StandaloneRelay implements Relay {
  readonly #options: RelayOptions
  readonly #environment: Environment
  readonly #caller: Caller
  readonly #outbox: Outbox
  #stopping = new AbortController()
  #connecting: Promise<void> | undefined

  constructor(options: RelayOptions) {
    const {
      service,
      broker,
      database,
      namespace = 'default',
      report,
      environment = systemEnvironment,
      pollMs,
    } = options
    this.#options = options
    this.#environment = environment
    this.#caller = { namespace, principal: service }
    this.#outbox = createOutbox({
      broker,
      database,
      caller: this.#caller,
      service,
      environment,
      ...(pollMs !== undefined && { pollMs }),
      onAlarm: ({ message, ...details }) =>
        report({ level: details.alarm === 'restored' ? 'warning' : 'error', message, details }),
    })
  }

  async start(): Promise<void> {
    const { database, report } = this.#options
    this.#stopping = new AbortController()
    await database.start()
    const identity = await databaseIdentity(database, this.#environment)
    try {
      await this.#begin(identity)
    } catch (error) {
      if (!(error instanceof TidingsError) || !error.retryable) throw error
      report({ level: 'warning', message: `${error.message} It is tried again until it succeeds.`, error })
      this.#connecting = this.#keepTrying(identity)
    }
  }

  /** Nothing is published before the broker knows that this is the database of the service. */
  async #begin(identity: string): Promise<void> {
    const { service, broker } = this.#options
    await broker.start()
    await broker.registerService(this.#caller, { service, database: identity })
    await this.#outbox.start()
    await this.#options.wakeUps?.start({ ...outboxInserts, wake: () => this.#outbox.wake() })
  }

  async #keepTrying(identity: string): Promise<void> {
    const backoff = new Backoff(this.#environment)
    const { signal } = this.#stopping
    for (;;) {
      await backoff.pause(signal)
      if (signal.aborted) return
      try {
        return await this.#begin(identity)
      } catch (error) {
        if (error instanceof TidingsError && error.retryable) continue
        const message = `Nothing is relayed: ${error instanceof Error ? error.message : String(error)}`
        this.#options.report({ level: 'error', message, error })
        return
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#connecting
    await this.#options.wakeUps?.stop()
    await this.#outbox.stop()
  }

  stats(): Promise<OutboxStats> {
    return this.#outbox.stats()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
