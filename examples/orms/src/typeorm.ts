import { DataSource, EntitySchema } from 'typeorm'
import { crm, type Recipe } from './recipe.ts'

interface Customer {
  id: number
  name: string
}

const customerSchema = new EntitySchema<Customer>({
  name: 'customer',
  tableName: 'customers',
  columns: { id: { type: 'integer', primary: true, generated: 'increment' }, name: { type: 'text' } },
})

/** An entity manager of TypeORM is taken by `service.join` as it is. */
export async function typeormRecipe(url: string): Promise<Recipe> {
  const source = await new DataSource({ type: 'postgres', url, entities: [customerSchema] }).initialize()
  return {
    async add(service, name, before) {
      await source.transaction(async (manager) => {
        const { id } = await manager.save(customerSchema, { name })
        await service.join(manager, (tx) => tx.changed(crm.customer, id))
        before()
      })
    },
    close: () => source.destroy(),
  }
}
