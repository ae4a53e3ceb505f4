import { allowAll, createBroker, type Broker } from '../broker/index.ts'
import type { Notice } from '../consumer/index.ts'
import type { Entity } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { createReplica, type ReplicateOptions, type RunningReplica } from './index.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'

/** A broker and a database with replicas between them, for tests of replicas. */
export interface ReplicaBench {
  readonly environment: SimulatedEnvironment
  readonly broker: Broker
  readonly notices: Notice[]
  /** Replaces the broker by an empty one under the same name, as when its store was lost. */
  wipe(): Promise<void>
  /** Publishes changes of the entity as its owner; a state, or the key alone for a deletion. */
  publish(...changes: readonly (Readonly<Record<string, unknown>> | string)[]): Promise<void>
  /** Starts a replica, over another broker or database than the bench's where one is given. */
  start(
    options: ReplicateOptions<string>,
    parts?: { broker?: Broker; database?: Database },
  ): Promise<RunningReplica['reader']>
  /** Stops every replica that was started. */
  stop(): Promise<void>
}

export async function replicaBench(entity: Entity, database: Database): Promise<ReplicaBench> {
  const environment = simulatedEnvironment()
  const owner = { namespace: 'default', principal: entity.service }
  const caller = { namespace: 'default', principal: 'marketing' }
  const notices: Notice[] = []
  const running: RunningReplica[] = []
  let present: Broker
  const begin = async (): Promise<void> => {
    present = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
    await present.start()
    await present.putTopic(owner, { topic: entity.topic, kind: 'entity', owner: entity.service })
  }
  await begin()
  const broker = new Proxy({} as Broker, {
    get: (_, name: keyof Broker) => present[name].bind(present),
  })
  return {
    environment,
    broker,
    notices,
    async wipe() {
      const before = present
      await begin()
      await before.stop()
    },
    async publish(...changes) {
      const events = changes.map((change) => {
        const key = typeof change === 'string' ? change : String(change[entity.key])
        const type = typeof change === 'string' ? entity.deleted.type : entity.updated.type
        const data = new TextEncoder().encode(
          JSON.stringify(typeof change === 'string' ? { [entity.key]: key } : change),
        )
        return { event: { id: environment.ids.next(), source: entity.service, type, key, data } }
      })
      await present.publish(owner, { topic: entity.topic, events })
    },
    async start(options, parts = {}) {
      const replica = createReplica(entity, options)
      running.push(replica)
      const report = (notice: Notice): void => void notices.push(notice)
      await replica.start(
        { broker, caller, database, environment, service: 'marketing', report, ...parts },
        () => undefined,
      )
      return replica.reader
    },
    async stop() {
      await Promise.all(running.splice(0).map((replica) => replica.stop()))
    },
  }
}
