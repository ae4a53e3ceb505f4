import { expect, it } from 'vitest'
import { onPostgres } from '../testing/databases.fixture.ts'
import { Applier } from './applier.ts'
import { insertBuild, loadBuilds } from './build.ts'
import type { Change } from './change.ts'
import { migrations } from './postgres.ts'

it('two appliers of one build overlook nothing that the other is about to commit', async (context) => {
  const { database, another } = await onPostgres(context)
  const second = await another()
  await database.migrate(migrations)
  const [name, presentTable] = ['crm.customer', 'crm_customer__1']
  const made = { name, number: 1, topic: name, columns: ['id', 'status'], finalTable: 'crm_customer', presentTable }
  await insertBuild(database, { ...made, subscription: 'marketing.replica.crm.customer.1' })
  const [build] = await loadBuilds(database, name)
  const [here, there] = [database, second].map(
    (through) => new Applier({ database: through, build: build!, onApplied: () => undefined }),
  )
  const change = (index: number, version: number): Change => ({
    key: `c${index}`,
    type: version < 3 ? 'crm.customer.updated' : 'crm.customer.deleted',
    number: version,
    version: `0000000000.0000000000000000000${version}`,
    ...(version < 3 && { data: { id: `c${index}`, status: `v${version}` } }),
  })
  for (let index = 0; index < 30; index++) {
    await here!.apply(change(index, 1))
    await Promise.all([here!.apply(change(index, 3)), there!.apply(change(index, 2))])
  }
  expect(await database.query('select * from crm_customer__1')).toEqual([])
})
