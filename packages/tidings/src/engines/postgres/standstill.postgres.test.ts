import { expect, test } from 'vitest'
import { postgresBench, standingStill, watchedPool } from './postgres.fixture.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }

const event = { id: '1', source: '/crm', type: 't' }
const request = { event, shard: 0 }

test('an append that was overtaken while it was decided is decided again', async (context) => {
  const { engine, poolOf } = await postgresBench(context)
  const other = await engine()
  await other.log.create(topic, { kind: 'event', shards: 1 })
  const { pool, standing, goOn } = standingStill(poolOf(), 'append(')
  const still = await engine({ pool })
  const held = still.log.append(topic, [request, { event: { ...event, id: '2' }, shard: 0 }])
  await standing
  expect(await other.log.append(topic, [request])).toEqual([{ status: 'stored', offset: 1, stale: false }])
  goOn()
  expect(await held).toEqual([
    { status: 'duplicate', offset: 1 },
    { status: 'stored', offset: 2, stale: false },
  ])
})

test('what a trim passes while an append is decided goes with the next one, once that replaced it', async (context) => {
  const { engine, poolOf } = await postgresBench(context)
  const other = await engine()
  await other.log.create(topic, { kind: 'entity', shards: 1 })
  const state = (id: string) => ({ event: { ...event, id, key: 'k', sequence: id.padStart(20, '0') }, shard: 0 })
  await other.log.append(topic, [state('1')])
  const { pool, standing, goOn } = standingStill(poolOf(), 'append(')
  const still = await engine({ pool })
  const held = still.log.append(topic, [state('2')])
  await standing
  await other.log.trim(topic, 1)
  goOn()
  expect(await held).toEqual([{ status: 'stored', offset: 2, stale: false }])
  await other.log.trim(topic, 1)
  const { records } = await other.log.read(topic, { after: 0, limit: 10 })
  expect(records.map(({ offset }) => offset)).toEqual([2])
})

test(
  'a server that stands still while it holds a topic is put out, and the others append',
  { timeout: 60_000 },
  async (context) => {
    const { engine, poolOf } = await postgresBench(context)
    const other = await engine()
    await other.log.create(topic, { kind: 'event', shards: 1 })
    const stood = deferred()
    const goes = deferred()
    // What is overtaken is tried again behind a lock, and there the server stands still.
    let appends = 0
    const pool = watchedPool(poolOf(), async (text) => {
      if (!text.includes('append(')) return
      appends += 1
      if (appends === 1) await other.log.append(topic, [{ event: { ...event, id: '0' }, shard: 0 }])
      if (appends !== 2) return
      stood.resolve()
      await goes.promise
    })
    const still = await engine({ pool })
    const held = still.log.append(topic, [request])
    await stood.promise
    expect(await other.log.append(topic, [request])).toEqual([{ status: 'stored', offset: 2, stale: false }])
    goes.resolve()
    await expect(held).rejects.toMatchObject({ code: 'unavailable' })
    expect(await still.log.append(topic, [request])).toEqual([{ status: 'duplicate', offset: 2 }])
  },
)

function deferred() {
  let resolve = (): void => undefined
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}
