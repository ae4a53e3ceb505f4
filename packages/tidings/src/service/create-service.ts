import { createReplica, type Replica, type ReplicateOptions, type RunningReplica } from '../replica/index.ts'
import { contractDocument, type Entity, type EventType } from '../contract/index.ts'
import type { EntityOwner } from '../outbox/index.ts'
import { systemEnvironment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { validateName } from '../event/index.ts'
import type { Handler } from './handler.ts'
import { HandlerReads, observeByDefault } from './handler-reads.ts'
import { ownedEntity, type Owned } from './owned-entity.ts'
import { printing } from './notices.ts'
import { Running, type HandlerDefinition, type ServiceDefinition } from './running.ts'
import type { CollectingTransaction } from './service-transaction.ts'
import type {
  BenchSeam,
  HandlerOptions,
  ObserveReads,
  OwnedSeam,
  OwnsOptions,
  Service,
  ServiceDescription,
  ServiceOptions,
  ServiceParts,
  ServiceStats,
} from './types.ts'

/** Ties a contract to a broker and a database. Nothing runs until `start`. */
export function createService<const Name extends string>(options: ServiceOptions<Name>): Service<Name> {
  const service: Service = new DefinedService(options)
  // A service of this name is a service; its own name narrows what it may publish, which only the compiler sees.
  return service as Service<Name>
}

/** What was said about a service, and its present life while it has one. */
class DefinedService implements Service {
  readonly name: string
  readonly '~bench': BenchSeam
  readonly #definition: ServiceDefinition
  readonly #owned = new Map<string, Owned>()
  readonly #replicas: RunningReplica[] = []
  readonly #handlers: HandlerDefinition[] = []
  readonly #observeReads: ObserveReads
  #parts: ServiceParts
  #running: Running | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(options: ServiceOptions) {
    const { service: name, topics } = options.contract['~contract']
    const {
      broker,
      database,
      environment = systemEnvironment,
      report = printing(name),
      namespace = 'default',
      wakeUps,
      observeReads = observeByDefault(),
    } = options
    this.name = name
    this.#observeReads = observeReads
    this.#parts = { broker, database, wakeUps, environment, report, reached: () => undefined }
    this.#definition = {
      name,
      contract: contractDocument(options.contract),
      topics,
      caller: { namespace, principal: name },
      owned: this.#owned,
      replicas: this.#replicas,
      handlers: this.#handlers,
    }
    this['~bench'] = this.#seam()
  }

  owns(entity: Entity, options: OwnsOptions): void {
    this.#ensureNotStarted('owns()')
    if (entity.service !== this.name) {
      throw badRequest(`${entity.topic} belongs to ${entity.service}; ${this.name} can replicate() it.`)
    }
    const parts = () => ({ dialect: this.#parts.database.dialect, environment: this.#parts.environment })
    this.#owned.set(entity.topic, ownedEntity(entity, options, parts))
  }

  replicate(entity: Entity, options: ReplicateOptions<string>): Replica<never, never> {
    this.#ensureNotStarted('replicate()')
    const replica = createReplica(entity, options)
    if (this.#replicas.some(({ name }) => name === replica.name)) {
      throw badRequest(`${this.name} has two replicas called ${replica.name}; give the second a name of its own.`)
    }
    this.#replicas.push(replica)
    // The reader gives what the columns of this call promise; the store behind it cannot say that to the compiler.
    return replica.reader as unknown as Replica<never, never>
  }

  on(
    name: string,
    types: EventType | readonly EventType[],
    options: HandlerOptions,
    run: (context: never) => unknown,
  ): void {
    this.#ensureNotStarted('on()')
    const chance = () => this.#parts.environment.random.next()
    const reads = new HandlerReads({ observe: this.#observeReads, chance })
    const handler = { ...handlerOf(this.name, name, types), reads, run: run as Handler['run'] }
    if (this.#handlers.some((other) => other.handler.name === name)) {
      throw badRequest(`${this.name} has two handlers called ${name}; a handler's name is its own.`)
    }
    this.#handlers.push({ handler, options, kind: kindOf(types) })
  }

  async transaction<Result>(work: (tx: CollectingTransaction) => Promise<Result> | Result): Promise<Result> {
    return await this.#ensureRunning().transaction(work)
  }

  async join<Result>(handle: unknown, work: (tx: CollectingTransaction) => Promise<Result> | Result): Promise<Result> {
    return await this.#ensureRunning().join(handle, work)
  }

  async start(): Promise<void> {
    await this.#stopping
    this.#running ??= new Running(this.#definition, this.#parts)
    this.#starting ??= this.#running.start()
    try {
      await this.#starting
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const stopped = this.#running
    await this.#starting?.catch(() => undefined)
    await stopped?.stop()
    if (this.#running === stopped) this.#running = this.#starting = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  owner(entity: Entity): EntityOwner {
    const { topic } = entity
    if (!this.#owned.has(topic)) throw badRequest(`${this.name} does not own ${topic}; ask the service that does.`)
    return {
      topic,
      standing: async (keys) => await this.#ensureRunning().standing(topic, keys),
      publishAgain: async (requests) => await this.#ensureRunning().publishAgain(topic, requests),
    }
  }

  async stats(): Promise<ServiceStats> {
    return await this.#ensureRunning().stats()
  }

  '~owned'(topic: string): OwnedSeam {
    const owned = this.#owned.get(topic)
    if (owned) return { database: this.#parts.database, rows: owned.rows }
    throw badRequest(`${this.name} does not own ${topic}; say where it lives with owns().`)
  }

  #seam(): BenchSeam {
    return {
      describe: () => describe(this.#definition),
      parts: () => this.#parts,
      reads: (name) => this.#handlers.find(({ handler }) => handler.name === name)?.handler.reads.fields,
      rewire: (replaced) => {
        this.#ensureNotStarted('rewire()')
        // What wakes was given for the database that was given.
        this.#parts = { ...this.#parts, wakeUps: undefined, ...replaced }
      },
      abandon: () => {
        this.#running = this.#starting = undefined
      },
    }
  }

  #ensureNotStarted(what: string): void {
    if (this.#running) throw badRequest(`${what} must be called before the service ${this.name} is started.`)
  }

  #ensureRunning(): Running {
    if (this.#running) return this.#running
    throw new TidingsError('stopped', `The service ${this.name} is not running; await start() first.`)
  }
}

function describe({ name, topics, replicas, handlers }: ServiceDefinition): ServiceDescription {
  const copied = replicas.map(({ topic }) => ({
    topic,
    kind: 'entity' as const,
    service: topic.slice(0, topic.lastIndexOf('.')),
  }))
  const handled = handlers.map(({ handler, kind }) => ({ topic: handler.topic, ...kind }))
  return { name, topics, consumed: [...copied, ...handled] }
}

function handlerOf(
  service: string,
  name: string,
  types: EventType | readonly EventType[],
): Omit<Handler, 'run' | 'reads'> {
  validateName(`${service}.${name}`, 'subscription')
  if (/^replica(\.|$)/.test(name))
    throw new TidingsError(
      'name-invalid',
      `A handler cannot be called ${name}: names that begin with "replica" are for replicas.`,
    )
  const list = listOf(types)
  const [first] = list
  if (!first || list.some(({ topic }) => topic !== first.topic)) {
    const topics = [...new Set(list.map(({ topic }) => topic))].join(', ')
    throw new TidingsError(
      'bad-request',
      `Handler ${name} must handle events of one topic, not of ${topics || 'none'}; give each topic a handler.`,
    )
  }
  return { name, topic: first.topic, types: new Map(list.map((type) => [type.type, type])) }
}

function kindOf(types: EventType | readonly EventType[]): Pick<EventType, 'kind' | 'service'> {
  const [{ kind, service } = { kind: 'event' as const, service: '' }] = listOf(types)
  return { kind, service }
}

function listOf(types: EventType | readonly EventType[]): readonly EventType[] {
  return 'topic' in types ? [types] : types
}

function badRequest(message: string): TidingsError {
  return new TidingsError('bad-request', message)
}
