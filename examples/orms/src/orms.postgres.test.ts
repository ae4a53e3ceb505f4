import { openPool, postgresDatabase as emptyDatabase } from '@tidings/tools/postgres'
import { createService } from 'tidings'
import { allowAll, createBroker } from 'tidings/broker'
import { postgresDatabase } from 'tidings/databases/postgres'
import { memoryEngine } from 'tidings/engines/memory'
import { expect, onTestFinished, test, vi } from 'vitest'
import { drizzleRecipe } from './drizzle.ts'
import { knexRecipe } from './knex.ts'
import { kyselyRecipe } from './kysely.ts'
import { mikroOrmRecipe } from './mikro-orm.ts'
import { prismaRecipe } from './prisma.ts'
import { crm, customers } from './recipe.ts'
import { typeormRecipe } from './typeorm.ts'

test.for([
  ['Kysely', kyselyRecipe],
  ['Drizzle', drizzleRecipe],
  ['Prisma', prismaRecipe],
  ['Knex', knexRecipe],
  ['TypeORM', typeormRecipe],
  ['MikroORM', mikroOrmRecipe],
] as const)('what a transaction of %s commits is told, what it rolls back is not', async ([_name, open], context) => {
  const { url } = await emptyDatabase(context)
  const pool = openPool({ connectionString: url })
  onTestFinished(() => pool.end())
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  onTestFinished(() => broker.stop())
  const database = postgresDatabase({ pool })
  await database.start()
  await database.migrate({ name: 'own', migrations: [customers] })
  const service = createService({ contract: crm, broker, database, report: () => undefined })
  service.owns(crm.customer, { table: 'customers' })
  await service.start()
  onTestFinished(() => service.stop())
  const recipe = await open(url)
  onTestFinished(() => recipe.close())

  await recipe.add(service, 'Ann', () => undefined)
  const refused = recipe.add(service, 'nobody', () => {
    throw new Error('changed its mind')
  })
  await expect(refused).rejects.toThrow('changed its mind')
  await recipe.add(service, 'Bob', () => undefined)

  const caller = { namespace: 'default', principal: 'anybody' }
  await vi.waitFor(async () => {
    const { events } = await broker.read(caller, { topic: 'crm.customer', limit: 10 })
    expect(events.map(({ event }) => JSON.parse(new TextDecoder().decode(event.data)))).toEqual([
      { id: 1, name: 'Ann', since: '2026-03-01' },
      { id: 3, name: 'Bob', since: '2026-03-01' },
    ])
  })
})
