import type { Pool, PoolClient } from 'pg'
import { expect, test } from 'vitest'
import { postgresBench } from './postgres.fixture.ts'

const ledger = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

/** Resolves once so many connections wait for a lock. */
async function waiting(pool: Pool, count: number): Promise<void> {
  for (;;) {
    const { rows } = await pool.query(
      `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    if (rows.length >= count) return
  }
}

test('a commit that goes on in PostgreSQL although its connection was lost is undone by the next one, which comes later', async (context) => {
  const { engine, pool, poolOf } = await postgresBench(context)
  const clients: PoolClient[] = []
  const own = poolOf()
  own.on('acquire', (client) => clients.push(client))
  const made = await engine({ pool: own })
  const ownership = await made.ledger.own(ledger)
  const holder = await pool.connect()
  await holder.query('begin')
  await holder.query('select * from tidings_broker.ledger for update')
  const first = made.ledger.commit(ownership, [{ key: 'a', value: '1' }])
  await waiting(pool, 1)
  const { connection } = clients.at(-1) as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
  await expect(first).rejects.toMatchObject({ code: 'unavailable' })
  const second = made.ledger.commit(ownership, [{ key: 'a', value: null }])
  await waiting(pool, 2)
  await holder.query('commit')
  holder.release()
  await second
  expect(await made.ledger.load(ledger, {}, 10)).toEqual([])
})
