import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { embeddedEngine } from '../engines/embedded/index.ts'
import { postgresEngine, type PostgresPool } from '../engines/postgres/index.ts'
import { postgresBench } from '../engines/postgres/postgres.fixture.ts'
import { quiet } from '../testing/simulated.ts'
import { playMovedHistory, type MakeEngine } from './moved-history.fixture.ts'

/** The same pool, and how many of its statements have not been answered. */
function countedPool(pool: PostgresPool): { readonly pool: PostgresPool; open(): number } {
  let open = 0
  const known = new WeakSet<object>()
  const connect: PostgresPool['connect'] = (take) => {
    open += 1
    pool.connect((error, client) => {
      open -= 1
      if (client && !known.has(client)) {
        known.add(client)
        const query = client.query.bind(client) as (query: unknown) => Promise<unknown>
        client.query = ((asked: unknown) => {
          open += 1
          return query(asked).finally(() => (open -= 1))
        }) as typeof client.query
      }
      take(error, client)
    })
  }
  return { pool: Object.assign(Object.create(pool) as PostgresPool, { connect }), open: () => open }
}

test(
  'random histories whose store is moved between a folder and PostgreSQL, both ways, lose nothing and repeat nothing',
  { timeout: 240_000 },
  async (context) => {
    const bench = await postgresBench(context)
    const folder = await mkdtemp(join(tmpdir(), 'tidings-moved-'))
    context.onTestFinished(() => rm(folder, { recursive: true }))
    const { pool, open } = countedPool(bench.poolOf())
    let stores = 0
    const engines: readonly MakeEngine[] = [
      async (environment) => embeddedEngine({ path: join(folder, String(stores++)), environment }),
      async (environment) => postgresEngine({ pool, schema: `moved_${stores++}`, environment }),
    ]
    const settle = async (): Promise<void> => {
      do await quiet()
      while (open() > 0)
    }
    let moves = 0
    for (let seed = 1; seed <= 8; seed++) moves += await playMovedHistory({ seed, steps: 40, engines, settle })
    expect(moves).toBeGreaterThan(8)
  },
)
