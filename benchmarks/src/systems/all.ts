import { bullmq } from './bullmq.ts'
import { graphileWorker } from './graphile-worker.ts'
import { nats } from './nats.ts'
import { pgBoss } from './pg-boss.ts'
import { rabbitmq } from './rabbitmq.ts'
import { redisStreams, redisStreamsOs } from './redis-streams.ts'
import type { System } from './system.ts'
import { tidingsEmbedded } from './tidings-embedded.ts'
import { tidingsPostgres } from './tidings-postgres.ts'
import { tidingsServer } from './tidings-server.ts'

/** Tidings in each of its forms, and everybody it is compared with. */
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
