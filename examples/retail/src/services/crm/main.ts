import { crm } from '../../contracts/crm.ts'
import { runService } from '../../process/run-service.ts'
import { crmTables, type Correction } from './customers.ts'
import { correct, createCrm } from './service.ts'

await runService({
  tables: crmTables,
  create: createCrm,
  owned: crm.customer,
  routes: (service) => ({ 'POST /customers/:id': ({ id, body }) => correct(service, id, body as Correction) }),
})
