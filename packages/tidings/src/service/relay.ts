import type { Broker } from '../broker/port/broker.ts'
import type { Report } from '../consumer/index.ts'
import type { Database } from '../database/index.ts'
import { systemEnvironment, type Environment } from '../environment/index.ts'
import { validateName } from '../event/index.ts'
import { createOutbox, type Outbox, type OutboxStats } from '../outbox/index.ts'
import { databaseIdentity } from './identity.ts'

export interface RelayOptions {
  /** Whose database it is. */
  readonly service: string
  readonly broker: Broker
  readonly database: Database
  /** `default` unless told. */
  readonly namespace?: string
  /** Told what a person should know. */
  readonly report: Report
  readonly environment?: Environment
}

/** Publishes what other programs write into the outbox of a database, such as with `tidings.publish()` in PostgreSQL. */
export interface Relay {
  /** Says whose database it is, which the broker refuses where it knows another one, and relays until `stop`. Idempotent. */
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
  readonly #outbox: Outbox

  constructor(options: RelayOptions) {
    const { service, broker, database, namespace = 'default', report, environment = systemEnvironment } = options
    this.#options = options
    this.#outbox = createOutbox({
      broker,
      database,
      caller: { namespace, principal: service },
      service,
      environment,
      onAlarm: ({ message, ...details }) =>
        report({ level: details.alarm === 'restored' ? 'warning' : 'error', message, details }),
    })
  }

  async start(): Promise<void> {
    const { service, broker, database, namespace = 'default', environment = systemEnvironment } = this.#options
    await database.start()
    const identity = await databaseIdentity(database, environment)
    await broker.start()
    await broker.registerService({ namespace, principal: service }, { service, database: identity })
    await this.#outbox.start()
  }

  stop(): Promise<void> {
    return this.#outbox.stop()
  }

  stats(): Promise<OutboxStats> {
    return this.#outbox.stats()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
