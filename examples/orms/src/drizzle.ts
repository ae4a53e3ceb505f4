import { sql, type SQL } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Pool } from 'pg'
import { crm, type Recipe } from './recipe.ts'

const customers = pgTable('customers', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  name: text().notNull(),
})

/** A transaction of Drizzle as `service.join` takes it. */
const joinable = (trx: { execute(query: SQL): PromiseLike<unknown> }) => ({
  query: (statement: string, values: unknown[]) => {
    const parts = statement.split(/\$(\d+)/)
    const chunks = parts.map((part, index) => (index % 2 ? sql.param(values[Number(part) - 1]) : sql.raw(part)))
    return trx.execute(sql.join(chunks))
  },
})

export function drizzleRecipe(connectionString: string): Recipe {
  const pool = new Pool({ connectionString })
  const database = drizzle(pool)
  return {
    async add(service, name, before) {
      await database.transaction(async (trx) => {
        const [added] = await trx.insert(customers).values({ name }).returning()
        await service.join(joinable(trx), (tx) => tx.changed(crm.customer, added!.id))
        before()
      })
    },
    close: () => pool.end(),
  }
}
