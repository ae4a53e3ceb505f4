import { openPool, postgresDatabase } from '@tidings/tools/postgres'
import { expect, test } from 'vitest'
import { LentClient } from './index.ts'

test('a connection that goes back in a transaction is closed, and lent to nobody', async (context) => {
  const pool = openPool({ connectionString: (await postgresDatabase(context)).url, max: 1 })
  context.onTestFinished(() => pool.end())
  const lend = () => LentClient.lend(pool, (client) => new LentClient(client))
  const first = await lend()
  await first.client.query({ text: 'begin; create table half (done text)' })
  first.release()
  const second = await lend()
  expect(second.inTransaction).toBe(false)
  expect((await second.client.query({ text: "select to_regclass('half') as half" })).rows).toEqual([{ half: null }])
  second.release()
  const third = await lend()
  expect(third.client).toBe(second.client)
  third.release()
})
