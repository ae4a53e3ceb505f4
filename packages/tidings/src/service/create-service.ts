import { createReplica, type Replica, type RunningReplica } from '../replica/index.ts'
import type { Entity, EventType } from '../contract/index.ts'
import { systemEnvironment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { validateName } from '../event/index.ts'
import type { Handler } from './handler.ts'
import { ownedEntity, type Owned } from './owned-entity.ts'
import { printing } from './notices.ts'
import { Running, type HandlerDefinition, type ServiceDefinition } from './running.ts'
import type { OwnsOptions, Service, ServiceDescription, ServiceOptions, ServiceParts } from './types.ts'

/** Ties a contract to a broker and a database. Nothing runs until `start`. */
export function createService<const Name extends string>(options: ServiceOptions<Name>): Service<Name> {
  const { service: name, topics } = options.contract['~contract']
  let parts: ServiceParts = {
    broker: options.broker,
    database: options.database,
    environment: options.environment ?? systemEnvironment,
    report: options.report ?? printing(name),
    reached: () => undefined,
  }
  const owned = new Map<string, Owned>()
  const replicas: RunningReplica[] = []
  const handlers: HandlerDefinition[] = []
  const definition: ServiceDefinition = {
    name,
    topics,
    caller: { namespace: options.namespace ?? 'default', principal: name },
    owned,
    replicas,
    handlers,
  }
  let running: Running | undefined
  let starting: Promise<void> | undefined

  const ensureNotStarted = (what: string): void => {
    if (running) throw new TidingsError('bad-request', `${what} must be called before the service ${name} is started.`)
  }
  const ensureRunning = (): Running => {
    if (running) return running
    throw new TidingsError('stopped', `The service ${name} is not running; await start() first.`)
  }
  const start = async (): Promise<void> => {
    running ??= new Running(definition, parts)
    starting ??= running.start()
    try {
      await starting
    } catch (error) {
      await stop()
      throw error
    }
  }
  const stop = async (): Promise<void> => {
    const stopped = running
    await starting?.catch(() => undefined)
    await stopped?.stop()
    if (running === stopped) running = starting = undefined
  }

  const service: Service = {
    name,
    owns(entity: Entity, owns: OwnsOptions) {
      ensureNotStarted('owns()')
      if (entity.service !== name)
        throw new TidingsError(
          'bad-request',
          `${entity.topic} belongs to ${entity.service}; ${name} can replicate() it.`,
        )
      owned.set(
        entity.topic,
        ownedEntity(entity, owns, () => ({ dialect: parts.database.dialect, environment: parts.environment })),
      )
    },
    replicate(entity: Entity, replicate) {
      ensureNotStarted('replicate()')
      const replica = createReplica(entity, replicate)
      if (replicas.some((other) => other.name === replica.name)) {
        throw new TidingsError(
          'bad-request',
          `${name} has two replicas called ${replica.name}; give the second a name of its own.`,
        )
      }
      replicas.push(replica)
      // The reader gives what the columns of this call promise; the store behind it cannot say that to the compiler.
      return replica.reader as unknown as Replica<never, never>
    },
    on(handlerName, types, handlerOptions, run) {
      ensureNotStarted('on()')
      const handler = { ...handlerOf(name, handlerName, types), run: run as Handler['run'] }
      if (handlers.some((other) => other.handler.name === handlerName)) {
        throw new TidingsError(
          'bad-request',
          `${name} has two handlers called ${handlerName}; a handler's name is its own.`,
        )
      }
      handlers.push({ handler, options: handlerOptions, kind: kindOf(types) })
    },
    transaction: async (work) => await ensureRunning().transaction(work),
    join: async (handle, work) => await ensureRunning().join(handle, work),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
    stats: async () => await ensureRunning().stats(),
    '~bench': {
      describe: () => describe(definition),
      parts: () => parts,
      rewire(replaced) {
        ensureNotStarted('rewire()')
        parts = { ...parts, ...replaced }
      },
      abandon() {
        running = starting = undefined
      },
    },
  }
  // A service of this name is a service; its own name narrows what it may publish, which only the compiler sees.
  return service as Service<Name>
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

function handlerOf(service: string, name: string, types: EventType | readonly EventType[]): Omit<Handler, 'run'> {
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
