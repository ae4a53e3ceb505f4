import { auditCases } from './audit.ts'
import { badInputCases } from './bad-input.ts'
import { broadcastCases } from './broadcast.ts'
import type { BrokerCase } from './case.ts'
import { coalesceCases } from './coalesce.ts'
import { contractCases } from './contracts.ts'
import { deadLetterCases } from './dead-letters.ts'
import { deliverCases } from './deliver.ts'
import { entityCases } from './entity.ts'
import { eraseCases } from './erase.ts'
import { flowCases } from './flow.ts'
import { filterCases } from './filters.ts'
import { expiryCases } from './expiry.ts'
import { followCases } from './follow.ts'
import { needsCases } from './needs.ts'
import { historyCases } from './history.ts'
import { operateDeadLetterCases } from './operate-dead-letters.ts'
import { operateCases } from './operate.ts'
import { recurringCases } from './recurring.ts'
import { outageCases } from './outage.ts'
import { overtakeCases } from './overtake.ts'
import { priorityCases } from './priorities.ts'
import { publishCases } from './publish.ts'
import { retentionCases } from './retention.ts'
import { scheduleCases } from './schedule.ts'
import { redriveCases } from './redrive.ts'
import { taskRuleCases } from './task-rules.ts'
import { taskCases } from './tasks.ts'
import { seekCases } from './seek.ts'
import { streamCases } from './stream.ts'

/** The broker port as an executable contract, for local and remote brokers alike. */
export const brokerConformance: readonly BrokerCase[] = [
  ...publishCases,
  ...entityCases,
  ...historyCases,
  ...eraseCases,
  ...deliverCases,
  ...deadLetterCases,
  ...retentionCases,
  ...overtakeCases,
  ...expiryCases,
  ...scheduleCases,
  ...flowCases,
  ...recurringCases,
  ...taskCases,
  ...broadcastCases,
  ...taskRuleCases,
  ...outageCases,
  ...streamCases,
  ...followCases,
  ...filterCases,
  ...coalesceCases,
  ...priorityCases,
  ...operateCases,
  ...auditCases,
  ...redriveCases,
  ...seekCases,
  ...operateDeadLetterCases,
  ...contractCases,
  ...needsCases,
  ...badInputCases,
]

export { runBrokerCase, type BrokerCase, type BrokerContext } from './case.ts'
