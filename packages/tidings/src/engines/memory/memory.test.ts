import { expect, it } from 'vitest'
import { memoryEngine } from './index.ts'

it('keeps its content while it is stopped', async () => {
  const engine = memoryEngine()
  const topic = { namespace: 'default', topic: 'a.b' }
  await engine.start()
  await engine.log.create(topic, { kind: 'entity', shards: 1 })
  const event = { id: '1', source: '/a', type: 'a.b.created', key: 'k' }
  expect(await engine.log.append(topic, [{ event, shard: 0 }])).toEqual([{ status: 'stored', offset: 1, stale: false }])
  await engine.stop()
  await engine.start()
  expect((await engine.log.read(topic, { after: 0, limit: 10 })).records).toMatchObject([{ offset: 1, event }])
  expect(await engine.log.append(topic, [{ event, shard: 0 }])).toEqual([{ status: 'duplicate', offset: 1 }])
  expect((await engine.log.latest(topic, { limit: 1 })).records).toMatchObject([{ offset: 1, event }])
})
