import { expect, test } from 'vitest'
import { postgresBench, standingStill } from './postgres.fixture.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }

test(
  'a server that stands still in the middle of an append is put out, and the others append',
  { timeout: 60_000 },
  async (context) => {
    const { engine, poolOf } = await postgresBench(context)
    const other = await engine()
    await other.log.create(topic, { kind: 'event', shards: 1 })
    const { pool, standing, goOn } = standingStill(poolOf(), 'with events as')
    const still = await engine({ pool })
    const event = { id: '1', source: '/crm', type: 't' }
    const held = still.log.append(topic, [{ event, shard: 0 }])
    await standing
    const answers = await other.log.append(topic, [{ event, shard: 0 }])
    expect(answers).toEqual([{ status: 'stored', offset: 1, stale: false }])
    goOn()
    await expect(held).rejects.toMatchObject({ code: 'unavailable' })
    expect(await still.log.append(topic, [{ event, shard: 0 }])).toEqual([{ status: 'duplicate', offset: 1 }])
  },
)
