import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient, type Prisma } from './prisma/generated/client.ts'
import { crm, type Recipe } from './recipe.ts'

/** An interactive transaction of Prisma as `service.join` takes it. */
const joinable = (trx: Prisma.TransactionClient) => ({
  query: (text: string, values: unknown[]) => trx.$queryRawUnsafe<unknown[]>(text, ...values),
})

export function prismaRecipe(connectionString: string): Recipe {
  const database = new PrismaClient({ adapter: new PrismaPg({ connectionString }) })
  return {
    async add(service, name, before) {
      await database.$transaction(async (trx) => {
        const { id } = await trx.customer.create({ data: { name } })
        await service.join(joinable(trx), (tx) => tx.changed(crm.customer, id))
        before()
      })
    },
    close: () => database.$disconnect(),
  }
}
