import { atCommitCases } from './at-commit.ts'
import type { DatabaseCase } from './case.ts'
import { crashCases } from './crash.ts'
import { joiningCases } from './joining.ts'
import { lifecycleCases } from './lifecycle.ts'
import { migrationCases } from './migrations.ts'
import { queryCases } from './queries.ts'
import { transactionCases } from './transactions.ts'

/**
 * The database port as an executable contract; bind it to any test runner:
 *
 *     for (const databaseCase of databaseConformance) {
 *       it(databaseCase.name, async () => { await runDatabaseCase(databaseCase, subject()) })
 *     }
 */
export const databaseConformance: readonly DatabaseCase[] = [
  ...lifecycleCases,
  ...transactionCases,
  ...atCommitCases,
  ...queryCases,
  ...migrationCases,
  ...joiningCases,
  ...crashCases,
]

export {
  runDatabaseCase,
  type DatabaseCase,
  type DatabaseContext,
  type DatabaseSubject,
  type ForeignTransaction,
  type WriterProcess,
} from './case.ts'
export { writePairs } from './crash.ts'
