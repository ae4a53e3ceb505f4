import type { PoolClient } from 'pg'
import { expect, test } from 'vitest'
import type { PostgresPool } from './index.ts'
import { postgresBench } from './postgres.fixture.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }

test(
  'a server that stands still in the middle of an append is put out, and the others append',
  { timeout: 60_000 },
  async (context) => {
    const { engine, poolOf } = await postgresBench(context)
    const other = await engine()
    await other.log.create(topic, { kind: 'event', shards: 1 })
    const pool = poolOf()
    let stand = (): void => undefined
    const standing = new Promise<void>((resolve) => (stand = resolve))
    let goOn = (): void => undefined
    const going = new Promise<void>((resolve) => (goOn = resolve))
    const connect = async (): Promise<PoolClient> => {
      const client = await pool.connect()
      const query = client.query.bind(client) as (asked: { readonly text: string }) => Promise<unknown>
      client.query = (async (asked: { readonly text: string }) => {
        if (asked.text.includes('with events as')) {
          stand()
          await going
        }
        return query(asked)
      }) as unknown as typeof client.query
      return client
    }
    const still = await engine({
      pool: { connect, query: pool.query.bind(pool), options: pool.options } as PostgresPool,
    })
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
