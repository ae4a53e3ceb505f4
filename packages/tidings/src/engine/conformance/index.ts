import type { EngineCase } from './case.ts'
import { ledgerCases } from './ledger.ts'
import { holdCases } from './hold.ts'
import { lifecycleCases } from './lifecycle.ts'
import { logAppendCases } from './log-append.ts'
import { logContentCases } from './log-content.ts'
import { logCreateCases } from './log-create.ts'
import { logEraseCases } from './log-erase.ts'
import { logIdentityCases } from './log-identity.ts'
import { logLatestCases } from './log-latest.ts'
import { logProducerCases } from './log-producers.ts'
import { logReadCases } from './log-read.ts'
import { logTrimCases } from './log-trim.ts'
import { logVersionCases } from './log-versions.ts'
import { logWatchCases } from './log-watch.ts'
import { sharedLedgerCases } from './shared-ledger.ts'
import { sharedLogCases } from './shared-log.ts'

/**
 * The engine port as an executable contract. An engine is one when every case that its capabilities call for passes;
 * bind it to any test runner:
 *
 *     for (const engineCase of engineConformance) {
 *       it(engineCase.name, async () => { await runEngineCase(engineCase, subject()) })
 *     }
 */
export const engineConformance: readonly EngineCase[] = [
  ...lifecycleCases,
  ...logCreateCases,
  ...logAppendCases,
  ...logContentCases,
  ...logIdentityCases,
  ...logProducerCases,
  ...logVersionCases,
  ...logReadCases,
  ...logLatestCases,
  ...logTrimCases,
  ...logEraseCases,
  ...logWatchCases,
  ...ledgerCases,
  ...holdCases,
  ...sharedLogCases,
  ...sharedLedgerCases,
]

export { runEngineCase, type EngineCase, type EngineContext, type EngineSettings, type EngineSubject } from './case.ts'
