import { allowAll, createBroker, type Broker } from '../broker/index.ts'
import type { Notice } from '../consumer/index.ts'
import type { Entity } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import type { Event } from '../event/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { createReplica, type ReplicateOptions, type RunningReplica } from './index.ts'
import type { DatabaseBench } from '../testing/databases.fixture.ts'
import type { SimulatedEnvironment } from '../testing/index.ts'

/** A broker and a database with replicas between them, for tests of replicas. */
export interface ReplicaBench {
  readonly environment: SimulatedEnvironment
  readonly broker: Broker
  readonly notices: Notice[]
  /** Replaces the broker by an empty one under the same name, as when its store was lost. */
  wipe(): Promise<void>
  /** Publishes changes of the entity as its owner; a state, or the key alone for a deletion. */
  publish(...changes: readonly (Readonly<Record<string, unknown>> | string)[]): Promise<void>
  /** Publishes one change as an event with other attributes, such as a version of its own. */
  publishAs(change: Readonly<Record<string, unknown>> | string, attributes: Partial<Event>): Promise<void>
  /** What the replicas told of the rows that they applied. */
  readonly applied: (readonly string[] | 'any')[]
  /** Starts a replica, of another version of the entity, or over another broker or database, where one is given. */
  start(
    options: ReplicateOptions<string>,
    parts?: { entity?: Entity; broker?: Broker; database?: Database },
  ): Promise<RunningReplica['reader']>
  /** Stops every replica that was started. */
  stop(): Promise<void>
}

export async function replicaBench(
  entity: Entity,
  { database, environment }: Pick<DatabaseBench, 'database' | 'environment'>,
): Promise<ReplicaBench> {
  const owner = { namespace: 'default', principal: entity.service }
  const caller = { namespace: 'default', principal: 'marketing' }
  const notices: Notice[] = []
  const applied: (readonly string[] | 'any')[] = []
  const running: RunningReplica[] = []
  let present: Broker
  const begin = async (): Promise<void> => {
    present = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
    await present.start()
    await present.putTopic(owner, { topic: entity.topic, kind: 'entity', owner: entity.service })
  }
  await begin()
  const eventOf = (change: Readonly<Record<string, unknown>> | string): Event => {
    const key = typeof change === 'string' ? change : String(change[entity.key])
    const type = typeof change === 'string' ? entity.deleted.type : entity.updated.type
    const data = new TextEncoder().encode(JSON.stringify(typeof change === 'string' ? { [entity.key]: key } : change))
    return { id: environment.ids.next(), source: entity.service, type, key, data }
  }
  const broker = new Proxy({} as Broker, {
    get: (_, name: keyof Broker) => present[name].bind(present),
  })
  return {
    environment,
    broker,
    notices,
    applied,
    async wipe() {
      const before = present
      await begin()
      await before.stop()
    },
    async publish(...changes) {
      await present.publish(owner, {
        topic: entity.topic,
        events: changes.map((change) => ({ event: eventOf(change) })),
      })
    },
    async publishAs(change, attributes) {
      const events = [{ event: { ...eventOf(change), ...attributes } }]
      await present.publish(owner, { topic: entity.topic, events })
    },
    async start(options, parts = {}) {
      const replica = createReplica(parts.entity ?? entity, options)
      running.push(replica)
      const report = (notice: Notice): void => void notices.push(notice)
      await replica.start(
        { broker, caller, database, environment, service: 'marketing', report, ...parts },
        (keys) => void applied.push(keys),
      )
      return replica.reader
    },
    async stop() {
      await Promise.all(running.splice(0).map((replica) => replica.stop()))
    },
  }
}
