import type { TidingsCommand } from '../command.ts'
import { addContractAdd } from './contract-add.ts'
import { addContractCheck } from './contract-check.ts'
import { addContractPlan, addContractPush } from './contract-push.ts'

export function addContract(program: TidingsCommand): void {
  const contract = program
    .command('contract')
    .description('Registers the contract of a service, fetches those of others, and checks both.')
    .example('tidings contract plan crm/contract.ts', 'what a change would do, and who would notice')
    .example('tidings contract push crm/contract.ts', 'register it')
    .example('tidings contract add crm', 'fetch the contract of crm, with types')
  addContractPush(contract)
  addContractPlan(contract)
  addContractAdd(contract)
  addContractCheck(contract)
}
