import { checkCopy } from '../proof/copies.ts'
import type { Expected } from '../proof/expected.ts'
import { readFigures, type Figures } from '../proof/figures.ts'
import { prove, type Check } from '../proof/proof.ts'
import { besideOwner, copyTable, openCopies } from './copies.ts'
import type { Stage } from './stage.ts'

/** Compares what the teams own and make of it with the file, and each copy with what it copies, as its owner answers. */
export async function proveStage(
  stage: Stage,
  expected: Expected,
): Promise<{ figures: Figures; checks: readonly Check[]; deadLetters: number }> {
  const { directory, recorder, operator } = stage
  const events = await operator.payloads<{ orderId: string }>('marketing.email-sent')
  const emailSentEvents = events.map(({ orderId }) => orderId)
  const [sales, customers, ...others] = prove({ directory, expected, recorder, emailSentEvents })
  const copies: Check[] = []
  for (const copy of await openCopies(stage)) copies.push(await checkCopy(await besideOwner(stage, copy)))
  const subscriptions = await operator.subscriptions()
  return {
    figures: readFigures({ directory, expected, recorder, copyTable }),
    checks: [sales, customers, ...copies, ...others].filter((check) => check !== undefined),
    deadLetters: subscriptions.reduce((sum, { dead }) => sum + dead, 0),
  }
}
