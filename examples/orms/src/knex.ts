import knex, { type Knex } from 'knex'
import { crm, type Recipe } from './recipe.ts'

/** A transaction of Knex as `service.join` takes it. */
export const joinable = (trx: { raw(text: string, values: Knex.RawBinding[]): PromiseLike<unknown> }) => ({
  query: (text: string, values: unknown[]) => {
    const bound: unknown[] = []
    const withMarks = text.replaceAll(/\$(\d+)/g, (_, number) => (bound.push(values[number - 1]), '?'))
    return trx.raw(withMarks, bound as Knex.RawBinding[])
  },
})

export function knexRecipe(connection: string): Recipe {
  const database = knex({ client: 'pg', connection })
  return {
    async add(service, name, before) {
      await database.transaction(async (trx) => {
        const [{ id }] = await trx('customers').insert({ name }).returning('id')
        await service.join(joinable(trx), (tx) => tx.changed(crm.customer, id))
        before()
      })
    },
    close: () => database.destroy(),
  }
}
