import { runService } from '../../process/run-service.ts'
import { crmTables } from './customers.ts'
import { createCrm } from './service.ts'

await runService({ tables: crmTables, create: createCrm })
