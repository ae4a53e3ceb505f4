import { CompiledQuery, Kysely, PostgresDialect, type Generated, type Transaction } from 'kysely'
import { Pool } from 'pg'
import { crm, type Recipe } from './recipe.ts'

interface Tables {
  customers: { id: Generated<number>; name: string }
}

/** A transaction of Kysely as `service.join` takes it. */
const joinable = (trx: Transaction<Tables>) => ({
  query: (text: string, values: unknown[]) => trx.executeQuery(CompiledQuery.raw(text, values)),
})

export function kyselyRecipe(connectionString: string): Recipe {
  const database = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: new Pool({ connectionString }) }) })
  return {
    async add(service, name, before) {
      await database.transaction().execute(async (trx) => {
        const { id } = await trx.insertInto('customers').values({ name }).returning('id').executeTakeFirstOrThrow()
        await service.join(joinable(trx), (tx) => tx.changed(crm.customer, id))
        before()
      })
    },
    close: () => database.destroy(),
  }
}
