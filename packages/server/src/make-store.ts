import type { Environment } from 'tidings'
import type { Engine, Ownership } from 'tidings/engine'
import { embeddedEngine } from 'tidings/engines/embedded'
import { memoryEngine } from 'tidings/engines/memory'
import { postgresEngine } from 'tidings/engines/postgres'
import type { ServerOptions } from './server.ts'

export interface EngineOptions {
  /**
   * `embedded` by default: a store in one folder. `memory` forgets everything. The address of a database keeps the
   * store in its schema `tidings_broker`, which several servers may share.
   */
  readonly engine?: 'embedded' | 'memory' | PostgresAddress
  /** The folder of the embedded store. */
  readonly path?: string
}

export type PostgresAddress = `postgres://${string}` | `postgresql://${string}`

/** A store of this server alone, or one that others may use too. */
export type MadeStore = { readonly engine: Engine } | SharedStore

export interface SharedStore {
  readonly shared: true
  /** What the servers themselves keep is reached through this one, however busy the other is. */
  readonly servers: Engine
  /** An engine that writes as long as the ownership is the present one. */
  under(ownership: Ownership): Engine
  /** Lets go of what both were given, once both have stopped. */
  release(): Promise<void>
}

const defaultPath = '.data/tidings'

/** Longer than anything waits for a lock: a connection on which nothing is answered for so long is given up. */
const patienceMs = 90_000

/** A beat that takes longer than this tells nobody anything. */
const serversPatienceMs = 20_000

export async function makeStore(
  { engine = 'embedded', path = defaultPath, logger }: EngineOptions & Pick<ServerOptions, 'logger'>,
  environment: Environment,
): Promise<MadeStore> {
  if (engine === 'memory') return { engine: memoryEngine({ environment }) }
  if (engine === 'embedded') return { engine: embeddedEngine({ path, environment }) }
  // Loaded by those who keep their store there only.
  const { Pool } = (await import('pg')).default
  const poolOf = (max: number, query_timeout: number): InstanceType<typeof Pool> => {
    const pool = new Pool({
      connectionString: engine,
      application_name: 'tidings',
      max,
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      query_timeout,
    })
    pool.on('error', (error) => logger?.warn({ err: error }, 'A connection to PostgreSQL has ended.'))
    return pool
  }
  const pool = poolOf(20, patienceMs)
  const serversPool = poolOf(3, serversPatienceMs)
  return {
    shared: true,
    servers: postgresEngine({ pool: serversPool, environment }),
    under: (fence) => postgresEngine({ pool, environment, fence }),
    async release() {
      await Promise.all([pool.end(), serversPool.end()])
    },
  }
}
