import { postgresDatabase, openPool } from '@tidings/tools/postgres'
import { type Pool, type PoolClient, type PoolConfig } from 'pg'
import type { TestContext } from 'vitest'
import type { EngineSettings, EngineSubject } from '../../engine/conformance/index.ts'
import type { Engine } from '../../engine/index.ts'
import { postgresEngine, type PostgresEngineOptions, type PostgresPool } from './index.ts'

/** A database of its own for one test, with as many engines on it as the test wants; all of it goes with the test. */
export interface PostgresBench {
  readonly url: string
  /** Of the superuser, for what a test does beside the engines. */
  readonly pool: Pool
  poolOf(url?: string, settings?: PoolConfig): Pool
  /** An engine with a pool of its own, started. */
  engine(options?: Partial<PostgresEngineOptions>): Promise<Engine>
}

export async function postgresBench(context: TestContext): Promise<PostgresBench> {
  const { url } = await postgresDatabase(context)
  const pools: Pool[] = []
  const engines: Engine[] = []
  context.onTestFinished(async () => {
    await Promise.all(engines.map((engine) => engine.stop()))
    await Promise.all(pools.map((pool) => pool.end()))
  })
  const poolOf: PostgresBench['poolOf'] = (connectionString = url, settings = {}) => {
    const pool = openPool({ ...settings, connectionString })
    pools.push(pool)
    return pool
  }
  return {
    url,
    pool: poolOf(),
    poolOf,
    async engine(options = {}) {
      const engine = postgresEngine({ pool: poolOf(), ...options })
      await engine.start()
      engines.push(engine)
      return engine
    },
  }
}

/** One store for the conformance suite. */
export async function postgresSubject(context: TestContext): Promise<EngineSubject> {
  const { poolOf } = await postgresBench(context)
  return {
    open: (settings: EngineSettings) => postgresEngine({ pool: poolOf(), ...settings }),
    dispose: async () => undefined,
  }
}

/** The same pool, which does something with each statement before it is sent. */
export function watchedPool(pool: Pool, before: (text: string) => Promise<void> | void): PostgresPool {
  const known = new WeakSet<PoolClient>()
  const connect: PostgresPool['connect'] = (take) =>
    pool.connect((error, client) => {
      if (client && !known.has(client)) {
        known.add(client)
        const query = client.query.bind(client) as (query: { readonly text: string }) => Promise<unknown>
        client.query = ((asked: { readonly text: string }) => {
          const wait = before(asked.text)
          return wait ? wait.then(() => query(asked)) : query(asked)
        }) as typeof client.query
      }
      take(error, client)
    })
  return { connect, query: pool.query.bind(pool), options: pool.options } as PostgresPool
}

/** The pool of a process that stands still before it sends a statement with these words, until it is told to go on. */
export function standingStill(pool: Pool, words: string) {
  let stand = (): void => undefined
  const standing = new Promise<void>((resolve) => (stand = resolve))
  let goOn = (): void => undefined
  const going = new Promise<void>((resolve) => (goOn = resolve))
  const watched = watchedPool(pool, (text) => {
    if (!text.includes(words)) return undefined
    stand()
    return going
  })
  return { pool: watched, standing, goOn }
}
