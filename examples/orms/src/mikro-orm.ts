import { EntitySchema, MikroORM, type Knex } from '@mikro-orm/postgresql'
import { joinable } from './knex.ts'
import { crm, type Recipe } from './recipe.ts'

interface Customer {
  id?: number
  name: string
}

const customerSchema = new EntitySchema<Customer>({
  name: 'Customer',
  tableName: 'customers',
  properties: { id: { type: 'integer', primary: true, autoincrement: true }, name: { type: 'text' } },
})

/** Its transactions are those of Knex, down to which everything has to be written first. */
export async function mikroOrmRecipe(clientUrl: string): Promise<Recipe> {
  const orm = await MikroORM.init({ clientUrl, entities: [customerSchema] })
  return {
    async add(service, name, before) {
      await orm.em.fork().transactional(async (em) => {
        const customer = em.create(customerSchema, { name })
        await em.persistAndFlush(customer)
        const trx = em.getTransactionContext<Knex.Transaction>()!
        await service.join(joinable(trx), (tx) => tx.changed(crm.customer, customer.id!))
        before()
      })
    },
    close: () => orm.close(),
  }
}
