import { chmod, chown, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { notRun } from '@tidings/tools/not-run'
import { smallDisk } from '@tidings/tools/small-disk'
import type { Pool } from 'pg'
import { expect, test, type TestContext } from 'vitest'
import type { AppendRequest } from '../../engine/index.ts'
import { postgresBench } from './postgres.fixture.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const ledger = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

function requestsOf(call: number): AppendRequest[] {
  return ['a', 'b', 'c'].map((key) => ({
    event: {
      id: `${call}${key}`,
      source: '/crm',
      type: 't',
      key,
      data: crypto.getRandomValues(new Uint8Array(20_000)),
    },
    shard: 0,
    producer: { id: `outbox-${key}`, epoch: 1, counter: call },
  }))
}

/** A table space on a disk of its own, so that only the store's tables have no room. */
async function smallTablespace(context: TestContext, pool: Pool): Promise<{ name: string; free(): Promise<void> }> {
  const { rows } = await pool.query<{ folder: string }>(`select current_setting('data_directory') as folder`)
  const owner = await stat(rows[0]!.folder).catch(() => undefined)
  if (!owner) return notRun(context, { part: 'postgres', reason: 'the server is not on this machine' })
  const { path, free } = await smallDisk(context)
  const location = join(path, 'space')
  await mkdir(location)
  await chmod(path, 0o755)
  await chown(location, owner.uid, owner.gid)
  const name = `small_${process.pid}`
  await pool.query(`create tablespace ${name} location '${location}'`)
  context.onTestFinished(async () => {
    await pool.query('drop schema tidings_broker cascade')
    await pool.query(`drop tablespace ${name}`)
  })
  return { name, free }
}

test('a full disk refuses as store-full, loses nothing, stores nothing in part, and goes on when there is room', async (context) => {
  const bench = await postgresBench(context)
  const space = await smallTablespace(context, bench.pool)
  const pool = bench.poolOf(bench.url, { options: `-c default_tablespace=${space.name}` })
  const engine = await bench.engine({ pool })
  await engine.log.create(topic, { kind: 'entity', shards: 1 })
  const ownership = await engine.ledger.own(ledger)
  await engine.ledger.commit(ownership, [{ key: 'a', value: '1' }])
  let refusal: unknown
  let call = 0
  while (!refusal) {
    call += 1
    await engine.log.append(topic, requestsOf(call)).catch((error: unknown) => (refusal = error))
  }
  expect(call).toBeGreaterThan(5)
  expect(refusal).toMatchObject({
    code: 'store-full',
    retryable: true,
    message: expect.stringMatching(/no room while appending to topic crm\.customer: .*Nothing was stored\. Free some/),
  })
  expect((await engine.stats()).refusing).toContain('no room')
  const head = (call - 1) * 3
  expect((await engine.log.describe(topic))?.head).toBe(head)
  expect((await engine.log.read(topic, { after: 0, limit: 10_000 })).records).toHaveLength(head)
  expect(await engine.log.producer(topic, 'outbox-a')).toEqual({ epoch: 1, counter: call - 1 })
  const value = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)))
    .toString('base64')
    .repeat(30)
  const big = Array.from({ length: 10 }, (_, index) => ({ key: `a${index}`, value: `${index}${value}` }))
  await expect(engine.ledger.commit(ownership, [...big, { key: 'a', value: null }])).rejects.toMatchObject({
    code: 'store-full',
  })
  expect(await engine.ledger.load(ledger, {}, 10)).toEqual([{ key: 'a', value: '1' }])

  await space.free()
  const answers = await engine.log.append(topic, requestsOf(call))
  expect(answers).toEqual([1, 2, 3].map((place) => ({ status: 'stored', offset: head + place, stale: false })))
  expect((await engine.stats()).refusing).toBeUndefined()
  await engine.ledger.commit(ownership, [{ key: 'a', value: '2' }])
  expect(await engine.ledger.load(ledger, {}, 10)).toEqual([{ key: 'a', value: '2' }])
  await engine.stop()
})
