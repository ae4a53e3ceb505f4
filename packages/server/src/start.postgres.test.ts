import { postgresDatabase } from '@tidings/tools/postgres'
import { connect } from 'tidings'
import { expect, test } from 'vitest'
import type { PostgresAddress } from './make-store.ts'
import { startServer } from './start.ts'

const caller = { namespace: 'default', principal: 'operator' }
const order = { topic: 'shop.order', kind: 'event', owner: 'shop' } as const

test('a server whose store is in PostgreSQL serves what an earlier one stored, and lets go of its connections', async (context) => {
  const { url } = await postgresDatabase(context)
  const engine = url as PostgresAddress
  const first = await startServer({ engine, port: 0 })
  const before = connect(first.url)
  await before.putTopic(caller, order)
  const event = { id: '1', source: '/s', type: 'shop.order', data: new TextEncoder().encode('{}') }
  await before.publish(caller, { topic: 'shop.order', events: [{ event }] })
  await before[Symbol.asyncDispose]()
  await first.stop()
  const second = await startServer({ engine, port: 0 })
  const after = connect(second.url)
  expect((await after.read(caller, { topic: 'shop.order' })).events).toMatchObject([{ event: { id: '1' } }])
  const subscription = { subscription: 'mail.thanks', topic: 'shop.order', from: 'beginning' } as const
  await after.putSubscription(caller, subscription)
  const { deliveries } = await after.pull(caller, { subscription: 'mail.thanks', waitMs: 10_000 })
  expect(deliveries).toMatchObject([{ event: { id: '1' } }])
  await after[Symbol.asyncDispose]()
  await second.stop()
})

test('a server that cannot reach its database says why and leaves nothing open', async () => {
  const started = startServer({ engine: 'postgres://nobody@127.0.0.1:1/nowhere', port: 0 })
  await expect(started).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/ECONNREFUSED/) })
})
