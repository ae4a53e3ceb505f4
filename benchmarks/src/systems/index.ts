import { bullmq } from './bullmq.ts'
import { graphileWorker } from './graphile-worker.ts'
import { nats } from './nats.ts'
import { pgBoss } from './pg-boss.ts'
import { rabbitmq } from './rabbitmq.ts'
import { redisStreams, redisStreamsOs } from './redis-streams.ts'
import type { System } from './system.ts'
import { bareEngine } from './tidings-engine.ts'
import { tidingsEmbedded } from './tidings-embedded.ts'
import { tidingsPostgres } from './tidings-postgres.ts'
import { tidingsServer } from './tidings-server.ts'

/** Everything that can be compared, in the order of the tables. */
export const systems: readonly System[] = [
  tidingsEmbedded,
  tidingsServer,
  tidingsPostgres,
  redisStreams,
  redisStreamsOs,
  bullmq,
  rabbitmq,
  nats,
  graphileWorker,
  pgBoss,
]

/** Those, and the bare engine, which is compared by one workload only. */
export function systemNamed(name: string): System {
  const found = [...systems, bareEngine].find((system) => system.name === name)
  if (found) return found
  throw new Error(`There is no system "${name}"; there are ${systems.map((system) => system.name).join(', ')}.`)
}
