import type { Caller } from '../broker/port/broker.ts'
import type { Report } from '../consumer/index.ts'
import type { ContractDefinition, ContractTopic, EventType } from '../contract/index.ts'
import type { DatabaseTransaction, Transaction } from '../database/index.ts'
import { Backoff } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { AttributeValue } from '../event/index.ts'
import { Inbox, inboxMigrations } from '../inbox/index.ts'
import {
  createOutbox,
  type Outbox,
  type OwnerStanding,
  type PublishAgainRequest,
  type PublishedAgain,
} from '../outbox/index.ts'
import type { RunningReplica } from '../replica/index.ts'
import { gateTo, type Gate } from './gate.ts'
import type { Handler } from './handler.ts'
import { databaseIdentity } from './identity.ts'
import { Needs } from './needs.ts'
import { withoutRepetition } from './notices.ts'
import type { Owned } from './owned-entity.ts'
import { collect, type CollectingTransaction } from './service-transaction.ts'
import { SubscribedHandler } from './subscribed-handler.ts'
import type { HandlerOptions, ServiceParts, ServiceStats } from './types.ts'
import { Waiting, type WaitSignal } from './waiting.ts'
import { outboxInserts } from './wake-ups.ts'

export interface HandlerDefinition {
  readonly handler: Handler
  readonly options: HandlerOptions
  readonly kind: Pick<EventType, 'kind' | 'service'>
}

/** What was said about a service before its start. */
export interface ServiceDefinition {
  readonly name: string
  /** As it is registered. */
  readonly contract: ContractDefinition
  readonly topics: readonly ContractTopic[]
  readonly caller: Caller
  readonly owned: ReadonlyMap<string, Owned>
  readonly replicas: readonly RunningReplica[]
  readonly handlers: readonly HandlerDefinition[]
}

/**
 * One life of a service, from start to stop. Once its database is prepared transactions work, and copies answer from what
 * they have. Once the broker has accepted it, it relays, copies and handles; until then a gate keeps everything away from
 * the broker.
 */
export class Running {
  readonly #definition: ServiceDefinition
  readonly #parts: ServiceParts
  readonly #report: Report
  readonly #gate: Gate
  readonly #outbox: Outbox
  readonly #waiting: Waiting
  readonly #needs: Needs
  readonly #stopping = new AbortController()
  #connecting: Promise<void> | undefined
  #registering: Promise<void> | undefined
  #identity = ''
  #handlers: readonly SubscribedHandler[] = []
  /** A started service keeps its process, also while the broker is away and no connection does. */
  #letGo: (() => void) | undefined

  constructor(definition: ServiceDefinition, parts: ServiceParts) {
    const { name, caller } = definition
    this.#definition = definition
    this.#parts = parts
    this.#gate = gateTo(parts.broker, name)
    this.#report = withoutRepetition(parts.report, parts.environment)
    this.#waiting = new Waiting({ ...parts, caller, report: this.#report })
    this.#needs = new Needs({
      broker: this.#gate.broker,
      caller,
      service: name,
      environment: parts.environment,
      replicas: definition.replicas,
      handlers: definition.handlers.map(({ handler }) => handler),
    })
    this.#outbox = createOutbox({
      ...parts,
      broker: this.#gate.broker,
      caller,
      service: name,
      topics: definition.topics.filter(({ kind }) => kind !== 'task').map(({ topic }) => topic),
      onAlarm: ({ message, ...details }) =>
        this.#report({ level: details.alarm === 'restored' ? 'warning' : 'error', message, details }),
      onRestored: () => this.#listEverything(),
      onTopicUnknown: () => this.#registerAgain(),
    })
  }

  async start(): Promise<void> {
    const { database, environment } = this.#parts
    this.#letGo ??= environment.timers.keepAlive?.()
    await database.start()
    await database.migrate(inboxMigrations(database.dialect))
    this.#identity = await databaseIdentity(database, environment)
    const refused = await this.#register().then(() => undefined, asRetryable)
    await this.#outbox.start()
    await this.#parts.wakeUps?.start({ ...outboxInserts, wake: () => this.#outbox.wake() })
    for (const replica of this.#definition.replicas) await this.#startReplica(replica)
    if (!refused) return await this.#startHandlers()
    this.#tell(refused)
    this.#connecting = this.#keepConnecting()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#connecting
    await this.#registering
    await Promise.all(this.#handlers.map((handler) => handler.stop()))
    await this.#needs.stop()
    await Promise.all(this.#definition.replicas.map((replica) => replica.stop()))
    await this.#parts.wakeUps?.stop()
    await this.#outbox.stop()
    this.#letGo?.()
  }

  async #register(): Promise<void> {
    const { broker } = this.#parts
    const { caller, name, contract } = this.#definition
    await broker.start()
    await broker.registerService(caller, { service: name, database: this.#identity })
    await broker.registerContract(caller, contract)
    this.#gate.open()
  }

  /** The broker's store was restored to a time before this service, which has what it needs only if it says so again. */
  #registerAgain(): void {
    if (this.#stopping.signal.aborted) return
    this.#registering ??= this.#register()
      .catch((error: unknown) => this.#tell(error))
      .finally(() => (this.#registering = undefined))
  }

  async #startHandlers(): Promise<void> {
    this.#handlers = await Promise.all(this.#definition.handlers.map((each) => this.#subscribe(each)))
    await Promise.all(this.#handlers.map((handler) => handler.start()))
    this.#needs.start()
  }

  async #keepConnecting(): Promise<void> {
    const backoff = new Backoff(this.#parts.environment)
    while (!this.#stopping.signal.aborted) {
      await backoff.pause(this.#stopping.signal)
      if (this.#stopping.signal.aborted) return
      try {
        await this.#register()
        return await this.#startHandlers()
      } catch (error) {
        this.#tell(error)
      }
    }
  }

  async #startReplica(replica: RunningReplica): Promise<void> {
    const { caller, name: service } = this.#definition
    const parts = { ...this.#parts, broker: this.#gate.broker, caller, service, report: this.#report }
    await replica.start(parts, (keys) => this.#waiting.arrived(replica.topic, keys))
  }

  async #subscribe({ handler, options }: HandlerDefinition): Promise<SubscribedHandler> {
    const { database, environment } = this.#parts
    const subscription = `${this.#definition.name}.${handler.name}`
    const inbox = await Inbox.open({ database, environment, subscription, onTrouble: (error) => this.#tell(error) })
    return new SubscribedHandler({
      ...this.#parts,
      report: this.#report,
      caller: this.#definition.caller,
      handler,
      options,
      inbox,
      waiting: this.#waiting,
      transact: (attributes, before, work) => this.#transact(attributes, before, work),
      replicas: this.#definition.replicas,
      isThere: (signal) => this.#isThere(signal),
    })
  }

  async #isThere({ topic, key }: WaitSignal): Promise<boolean> {
    const replica = this.#definition.replicas.find((candidate) => candidate.topic === topic)
    const { state } = replica?.reader.status() ?? { state: 'stopped' }
    if (!replica || state === 'stopped' || state === 'filling') return false
    return key === undefined || (await replica.reader.get(key)) !== undefined
  }

  // ------------------------------------------------------------------------------------------------------ transactions

  transaction<Result>(work: (tx: CollectingTransaction) => Promise<Result> | Result): Promise<Result> {
    return this.#transact({}, async () => {}, work)
  }

  async join<Result>(handle: unknown, work: (tx: CollectingTransaction) => Promise<Result> | Result): Promise<Result> {
    const { result } = await this.#collect(await this.#parts.database.join(handle), {}, work)
    return result
  }

  async #transact<Result>(
    attributes: Readonly<Record<string, AttributeValue>>,
    before: (transaction: Transaction) => Promise<void>,
    work: (tx: CollectingTransaction) => Promise<Result> | Result,
  ): Promise<Result> {
    const { result, tells } = await this.#parts.database.transaction(async (transaction) => {
      await before(transaction)
      return await this.#collect(transaction, attributes, work)
    })
    if (tells) this.#outbox.wake()
    return result
  }

  async #collect<Result>(
    transaction: DatabaseTransaction,
    attributes: Readonly<Record<string, AttributeValue>>,
    work: (tx: CollectingTransaction) => Promise<Result> | Result,
  ): Promise<{ readonly result: Result; readonly tells: boolean }> {
    const { name: service, owned } = this.#definition
    const { environment } = this.#parts
    const { result, pending } = await collect(transaction, { service, environment, owned, attributes }, work)
    const tells = pending.events.length + pending.changes.length > 0
    if (tells) await this.#outbox.flush(transaction, pending)
    return { result, tells }
  }

  /** The database was restored: everything that it owns is published again. */
  async #listEverything(): Promise<void> {
    for (const { listing } of this.#definition.owned.values()) await this.#outbox.relist(listing)
  }

  standing(topic: string, keys: readonly string[]): Promise<readonly OwnerStanding[]> {
    return this.#outbox.keys.standing(this.#definition.owned.get(topic)!.for({}), keys)
  }

  publishAgain(topic: string, requests: readonly PublishAgainRequest[]): Promise<readonly PublishedAgain[]> {
    return this.#outbox.keys.publishAgain(this.#definition.owned.get(topic)!.for({}), requests)
  }

  async stats(): Promise<ServiceStats> {
    return {
      outbox: await this.#outbox.stats(),
      replicas: this.#definition.replicas.map(({ reader }) => ({ name: reader.name, ...reader.status() })),
      waiting: this.#waiting.list(),
    }
  }

  #tell(error: unknown): void {
    const { name } = this.#definition
    const message = error instanceof Error ? error.message : String(error)
    this.#report({ level: 'error', message: `Service ${name}: ${message}`, error, details: { service: name } })
  }
}

/** An error that may go away by itself; any other is thrown. */
function asRetryable(error: unknown): TidingsError {
  if (error instanceof TidingsError && error.retryable) return error
  throw error
}
