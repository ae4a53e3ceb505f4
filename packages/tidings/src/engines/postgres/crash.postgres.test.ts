import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresPrograms, killPostgres, runPostgres, startPostgres, stopPostgres } from '@tidings/tools/postgres'
import { expect, test } from 'vitest'
import { mulberry32 } from '../../testing/index.ts'
import { Load } from './load.fixture.ts'
import { postgresBench } from './postgres.fixture.ts'

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Resolves once so many more events were acknowledged. */
function more(load: Load, events: number): Promise<void> {
  const goal = load.acknowledged + events
  return until(() => load.acknowledged >= goal)
}

test(
  'connections that are ended at random lose and double nothing, and the engines go on',
  { timeout: 120_000 },
  async (context) => {
    const { engine, pool } = await postgresBench(context)
    const random = mulberry32(7)
    const load = await Load.start([await engine(), await engine()], 3)
    while (load.unavailable < 20) {
      await more(load, 1 + Math.floor(random() * 20))
      await pool.query(
        `select pg_terminate_backend(pid) from (
         select pid from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() order by pid
       ) backends offset $1 limit 2`,
        [Math.floor(random() * 10)],
      )
    }
    await more(load, 50)
    const { violations, acknowledged } = await load.finish()
    expect(violations).toEqual([])
    expect(acknowledged).toBeGreaterThan(100)
  },
)

test(
  'a PostgreSQL that is killed loses and doubles nothing, and the engines go on when it is back',
  { timeout: 120_000 },
  async (context) => {
    const binaries = postgresPrograms(context)
    const folder = await mkdtemp(join(tmpdir(), 'tidings-killed-'))
    await chmod(folder, 0o755)
    context.onTestFinished(() => rm(folder, { recursive: true, force: true }))
    let server = await startPostgres(binaries, folder)
    context.onTestFinished(() => stopPostgres(server))
    const { engine, poolOf } = await postgresBench(context)
    const engines = await Promise.all([1, 2].map(() => engine({ pool: poolOf(server.url) })))
    const load = await Load.start(engines, 3)
    const random = mulberry32(11)
    const port = Number(new URL(server.url).port)
    for (let kill = 0; kill < 5; kill++) {
      await more(load, 20 + Math.floor(random() * 100))
      await killPostgres(server.pid!)
      const before = load.unavailable
      await until(() => load.unavailable > before)
      server = await runPostgres({ binaries, folder, port })
    }
    await more(load, 50)
    const { violations, acknowledged } = await load.finish()
    expect(violations).toEqual([])
    expect(acknowledged).toBeGreaterThan(150)
    await Promise.all(engines.map((each) => each.stop()))
  },
)
