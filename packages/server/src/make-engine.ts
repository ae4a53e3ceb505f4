import type { Environment } from 'tidings'
import type { Engine } from 'tidings/engine'
import { embeddedEngine } from 'tidings/engines/embedded'
import { memoryEngine } from 'tidings/engines/memory'
import { postgresEngine } from 'tidings/engines/postgres'
import type { ServerOptions } from './server.ts'

export interface EngineOptions {
  /**
   * `embedded` by default: a store in one folder. `memory` forgets everything. The address of a database keeps the
   * store in its schema `tidings`.
   */
  readonly engine?: 'embedded' | 'memory' | PostgresAddress
  /** The folder of the embedded store. */
  readonly path?: string
}

export type PostgresAddress = `postgres://${string}` | `postgresql://${string}`

/** An engine, and how what it was given is let go of once it has stopped. */
export interface MadeEngine {
  readonly engine: Engine
  release(): Promise<void>
}

const defaultPath = '.data/tidings'

/** Longer than anything waits for a lock: a connection on which nothing is answered for so long is given up. */
const patienceMs = 90_000

export async function makeEngine(
  { engine = 'embedded', path = defaultPath, logger }: EngineOptions & Pick<ServerOptions, 'logger'>,
  environment: Environment,
): Promise<MadeEngine> {
  const release = async (): Promise<void> => undefined
  if (engine === 'memory') return { engine: memoryEngine({ environment }), release }
  if (engine === 'embedded') return { engine: embeddedEngine({ path, environment }), release }
  // Loaded by those who keep their store there only.
  const { Pool } = (await import('pg')).default
  const pool = new Pool({
    connectionString: engine,
    application_name: 'tidings',
    max: 20,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    query_timeout: patienceMs,
  })
  pool.on('error', (error) => logger?.warn({ err: error }, 'A connection to PostgreSQL has ended.'))
  return { engine: postgresEngine({ pool, environment }), release: () => pool.end() }
}
