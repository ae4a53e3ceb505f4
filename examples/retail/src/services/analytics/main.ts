import { runService } from '../../process/run-service.ts'
import { analyticsTables } from './figures.ts'
import { createAnalytics } from './service.ts'

await runService({ tables: analyticsTables, create: createAnalytics })
