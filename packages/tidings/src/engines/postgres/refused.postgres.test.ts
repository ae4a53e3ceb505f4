import { expect, test } from 'vitest'
import { postgresBench } from './postgres.fixture.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }

test('what PostgreSQL refuses is refused alone, and was not stored: the engine goes on', async (context) => {
  const bench = await postgresBench(context)
  const engine = await bench.engine()
  await engine.log.create(topic, { kind: 'event', shards: 1 })
  const append = (id: string) => engine.log.append(topic, [{ event: { id, source: '/crm', type: 't' }, shard: 0 }])
  await bench.pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
    create trigger refuse before insert on tidings_broker.event for each statement execute function refuse()`)
  await expect(append('1')).rejects.toMatchObject({
    code: 'store-failed',
    message: expect.stringMatching(/not today .* Nothing was stored/),
  })
  expect(await engine.log.read(topic, { after: 0, limit: 10 })).toMatchObject({ records: [], until: 0 })
  await bench.pool.query('drop trigger refuse on tidings_broker.event')
  expect(await append('1')).toEqual([{ status: 'stored', offset: 1, stale: false }])
})
