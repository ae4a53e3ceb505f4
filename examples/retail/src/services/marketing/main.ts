import { required } from '../../process/child.ts'
import { runService } from '../../process/run-service.ts'
import { mailProvider, marketingTables } from './emails.ts'
import { createMarketing } from './service.ts'

const mail = mailProvider(required('MAIL_URL'))
await runService({ tables: marketingTables, create: (parts) => createMarketing({ mail, ...parts }) })
