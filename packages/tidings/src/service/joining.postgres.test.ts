import { postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import { expect, onTestFinished, test, vi } from 'vitest'
import { allowAll, createBroker } from '../broker/index.ts'
import { clients, foreignClients } from '../databases/postgres/clients.fixture.ts'
import { postgresDatabase } from '../databases/postgres/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { createService } from './index.ts'
import { crm } from './service.fixture.ts'

const textDecoder = new TextDecoder()

test.for([...clients, ...foreignClients])(
  'transactions of $name tell exactly what they commit, in versions one after the other',
  async ({ open }, context) => {
    const client = open(await emptyDatabase(context))
    onTestFinished(() => client.end())
    const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
    await broker.start()
    onTestFinished(() => broker.stop())
    const database = postgresDatabase(client.connections)
    await database.start()
    await database.migrate({
      name: 'own',
      migrations: ['create table customers (id text primary key, email text not null, vip boolean)'],
    })
    const team = createService({ contract: crm, broker, database, report: () => undefined })
    team.owns(crm.customer, { table: 'customers' })
    onTestFinished(() => team.stop())
    await team.start()

    const change = async (statement: string): Promise<{ commit(): Promise<void>; rollBack(): Promise<void> }> => {
      const transaction = await client.begin()
      await transaction.run(statement)
      await team.join(transaction.handle, (tx) => tx.changed(crm.customer, 'c1'))
      return transaction
    }
    await (await change("insert into customers values ('c1', 'ann@example.org', true)")).commit()
    await (await change("update customers set email = 'wrong@example.org'")).rollBack()
    await (await change("update customers set email = 'anna@example.org'")).commit()
    await (await change('delete from customers')).commit()

    const caller = { namespace: 'default', principal: 'anybody' }
    await vi.waitFor(async () => {
      const { events } = await broker.read(caller, { topic: 'crm.customer', limit: 10 })
      const told = events.map(({ event }) => [event.type, Number(event.sequence), textDecoder.decode(event.data)])
      expect(told.map(([type, sequence, data]) => [type, sequence, JSON.parse(String(data))])).toEqual([
        ['crm.customer.created', 1, { id: 'c1', email: 'ann@example.org', vip: true }],
        ['crm.customer.updated', 2, { id: 'c1', email: 'anna@example.org', vip: true }],
        ['crm.customer.deleted', 3, { id: 'c1' }],
      ])
    })
  },
)
