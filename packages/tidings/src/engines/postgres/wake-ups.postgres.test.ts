import { expect, test, type TestContext } from 'vitest'
import type { Engine } from '../../engine/index.ts'
import { systemEnvironment, type Environment } from '../../environment/index.ts'
import { postgresBench, watchedPool } from './postgres.fixture.ts'

const topics = Array.from({ length: 20 }, (_, index) => ({ namespace: 'default', topic: `crm.customer${index}` }))

/** Two engines on one store with twenty topics; the test decides when the second one looks by itself. */
async function bench(context: TestContext) {
  const { engine, pool, poolOf } = await postgresBench(context)
  const writer = await engine()
  for (const topic of topics) await writer.log.create(topic, { kind: 'event', shards: 1 })
  const looks: (() => void)[] = []
  const timers: Environment['timers'] = {
    after(delayMs, run) {
      if (delayMs !== 1_000) return systemEnvironment.timers.after(delayMs, run)
      looks.push(run)
      return () => undefined
    },
  }
  const statements: string[] = []
  const watcher = await engine({
    pool: watchedPool(poolOf(), (text) => void statements.push(text)),
    environment: { ...systemEnvironment, timers },
  })
  await until(() => statements.some((text) => text.includes('garbage')))
  const hints: string[] = []
  const watch = (): void => {
    for (const topic of topics) watcher.log.watch(topic, () => hints.push(topic.topic))
  }
  return {
    writer,
    pool,
    statements,
    hints,
    watch,
    /** Lets the second engine look once, and resolves when it wants to look again. */
    async look() {
      looks.shift()!()
      await until(() => looks.length > 0)
    },
  }
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function append(engine: Engine, index: number, id: string): Promise<void> {
  await engine.log.append(topics[index]!, [{ event: { id, source: '/crm', type: 't' }, shard: 0 }])
}

test('an engine that waits for growth asks one statement at each look, whatever the number of topics', async (context) => {
  const { statements, watch, look } = await bench(context)
  statements.length = 0
  await look()
  expect(statements).toEqual([])
  watch()
  await look()
  await look()
  expect(statements).toHaveLength(2)
})

test('a hint that was lost with its connection is made up for, and later ones come by themselves again', async (context) => {
  const { writer, pool, hints, watch, look } = await bench(context)
  watch()
  // The first look hints at every topic, because nothing is known of the time before.
  await look()
  await until(() => hints.length === topics.length)
  hints.length = 0
  const ended = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and query ~ 'select namespace, topic, head'`,
  )
  expect(ended.rowCount).toBe(1)
  await append(writer, 7, '1')
  while (hints.length === 0) await look()
  // Once by the look; once more where the writer tells of it only after the second engine listens again.
  expect(new Set(hints)).toEqual(new Set(['crm.customer7']))
  await append(writer, 9, '1')
  await until(() => hints.includes('crm.customer9'))
})
