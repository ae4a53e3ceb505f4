import Libsql from 'libsql'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { formatSequence } from '../event/index.ts'
import { replicaBench } from './replica.fixture.ts'

const { customer } = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.string(), email: z.string() }) }),
})
const state = (id: string) => ({ id, email: `${id}@example.com` })

it.each([
  ['in a table', {}],
  ['in memory', { store: 'memory' } as const],
])('a replica %s lets go of an entity that was erased, and takes what its owner says next', async (_, where) => {
  const database = sqliteDatabase({ client: new Libsql(':memory:'), allowVolatile: true })
  await database.start()
  const bench = await replicaBench(customer, database)
  await bench.publishAs(state('c1'), { sequence: formatSequence(7) })
  await bench.publish(state('c2'))
  const customers = await bench.start({ columns: ['email'], ...where })
  await bench.environment.advance(300)
  expect(await customers.get('c1')).toEqual(state('c1'))
  await bench.broker.erase({ namespace: 'default', principal: 'crm' }, { topic: customer.topic, key: 'c1' })
  await bench.environment.advance(300)
  expect(await customers.all()).toEqual([state('c2')])
  await bench.publishAs(state('c1'), { sequence: formatSequence(8) })
  await bench.environment.advance(300)
  expect(await customers.get('c1')).toEqual(state('c1'))
  const stopped = bench.stop()
  await bench.environment.advance(1_000)
  await stopped
})
