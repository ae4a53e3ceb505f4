import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import { formatSequence } from '../event/index.ts'
import { onPostgres, onSqlite } from '../testing/databases.fixture.ts'
import { replicaBench } from './replica.fixture.ts'

const { customer } = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.string(), email: z.string() }) }),
})
const state = (id: string) => ({ id, email: `${id}@example.com` })

it.for([
  ['in a table of SQLite', {}, onSqlite],
  ['in a table of PostgreSQL', {}, onPostgres],
  ['in memory', { store: 'memory' }, onSqlite],
] as const)(
  'a replica %s lets go of an entity that was erased, and takes what its owner says next',
  async (where, context) => {
    const [, options, openDatabase] = where
    const bench = await replicaBench(customer, await openDatabase(context))
    await bench.publishAs(state('c1'), { sequence: formatSequence(7) })
    await bench.publish(state('c2'))
    const customers = await bench.start({ columns: ['email'], ...options })
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
  },
)
