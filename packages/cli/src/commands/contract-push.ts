import type { TidingsCommand } from '../command.ts'
import { loadContract } from '../contract/load.ts'
import { planText } from '../contract/plan-text.ts'

export interface LoadOptions {
  readonly export?: string
}

interface PushOptions extends LoadOptions {
  readonly acceptUndecided?: boolean
}

const fileHelp = 'a module in TypeScript or JavaScript that exports a contract, or a JSON document'

/** The argument and the option of every command that reads a contract from a file. */
export function withContractFile(command: TidingsCommand, argument: '<file>' | '[file]'): TidingsCommand {
  return command
    .argument(argument, fileHelp)
    .option('--export <name>', 'which contract, where the module exports several')
}

export function addContractPush(contract: TidingsCommand): void {
  const push = contract
    .command('push')
    .description('Registers a contract. A change that breaks readers is refused with exit code 3.')
    .example('tidings contract push crm/contract.ts --principal crm', 'as its owner')
    .example('tidings contract push crm.contract.json', 'of a service in another language')
  withContractFile(push, '<file>')
    .option('--accept-undecided', 'answer yourself for what could not be decided')
    .runs<[file: string], PushOptions>(async ({ broker, caller, output }, [file], options) => {
      const document = await loadContract(file, options.export)
      const plan = await broker.registerContract(caller, {
        ...document,
        ...(options.acceptUndecided && { acceptUndecided: true }),
      })
      await output.show(plan, () => planText(plan))
      output.note(plan.verdict === 'unchanged' ? 'It was registered already, just so.' : 'Registered.')
    })
}

export function addContractPlan(contract: TidingsCommand): void {
  const plan = contract
    .command('plan')
    .description('Says what registering a contract would do, and who reads what changes; does nothing.')
    .example('tidings contract plan crm/contract.ts', 'before you push it')
  withContractFile(plan, '<file>').runs<[file: string], LoadOptions>(async (session, [file], options) => {
    const { broker, caller, output } = session
    const planned = await broker.planContract(caller, await loadContract(file, options.export))
    await output.show(planned, () => planText(planned))
  })
}
