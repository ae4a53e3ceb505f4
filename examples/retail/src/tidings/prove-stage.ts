import type { Expected } from '../proof/expected.ts'
import { readFigures, type Figures } from '../proof/figures.ts'
import { prove, type AnalyticsCopy, type Check } from '../proof/proof.ts'
import type { Stage } from './stage.ts'

/** The table in which the service kit keeps a copy of `crm.customer`. */
export const copyTable = 'crm_customer'

const pythonCopy: AnalyticsCopy = {
  table: 'customers',
  spent: 'spent_pence',
  lastOrder: 'last_order',
  condition: 'deleted = 0',
}
const kitCopy: AnalyticsCopy = { table: copyTable, spent: 'spentPence', lastOrder: 'lastOrder', condition: 'true' }

function analyticsCopyOf({ python }: Stage): AnalyticsCopy {
  return python === undefined ? kitCopy : pythonCopy
}

/** Compares everything that the teams hold with the file and with each other. */
export async function proveStage(
  stage: Stage,
  expected: Expected,
): Promise<{ figures: Figures; checks: readonly Check[] }> {
  const { directory, recorder, operator } = stage
  const events = await operator.payloads<{ orderId: string }>('marketing.email-sent')
  const emailSentEvents = events.map(({ orderId }) => orderId)
  const analyticsCopy = analyticsCopyOf(stage)
  return {
    figures: readFigures({ directory, expected, recorder, copyTable }),
    checks: prove({ directory, expected, recorder, marketingCopy: copyTable, analyticsCopy, emailSentEvents }),
  }
}
