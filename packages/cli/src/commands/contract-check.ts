import type { TidingsCommand } from '../command.ts'
import type { CheckedType } from '../contract/check-lock.ts'
import { loadContract } from '../contract/load.ts'
import { lockFile, readLock } from '../contract/lock.ts'
import { findingLines, planText } from '../contract/plan-text.ts'
import { exitCodes, UsageError, type ExitCode } from '../failure.ts'
import type { Session } from '../session.ts'
import { visible } from '../text.ts'
import { withContractFile, type LoadOptions } from './contract-push.ts'

interface CheckOptions extends LoadOptions {
  readonly lock: string
}

export function addContractCheck(contract: TidingsCommand): void {
  const check = contract
    .command('check')
    .description(
      'Checks in a build. With a file: may this contract be registered, and who breaks. Without: can what was fetched with "contract add" still read what is published. Exit code 3 says no.',
    )
    .example('tidings contract check crm/contract.ts', 'in the build of crm')
    .example('tidings contract check', 'in the build of whoever reads the events of others')
  withContractFile(check, '[file]')
    .option('--lock <file>', 'which revisions were fetched', lockFile)
    .runs<[file: string | undefined], CheckOptions>((session, [file], options) =>
      file === undefined ? checkFetched(session, options.lock) : checkOwn(session, file, options),
    )
}

async function checkOwn({ broker, caller, output }: Session, file: string, options: LoadOptions): Promise<ExitCode> {
  const plan = await broker.planContract(caller, await loadContract(file, options.export))
  await output.show(plan, () => planText(plan))
  return plan.verdict === 'unchanged' || plan.verdict === 'compatible' ? exitCodes.ok : exitCodes.checkFailed
}

async function checkFetched(session: Session, file: string): Promise<ExitCode> {
  const lock = readLock(file)
  if (Object.keys(lock.contracts).length === 0) {
    throw new UsageError(`${file} names no contract; fetch one with: tidings contract add <service>`)
  }
  const { checkLock } = await import('../contract/check-lock.ts')
  const types = await checkLock(session, lock)
  const failed = types.filter(({ verdict }) => verdict === 'incompatible' || verdict === 'undecided')
  const answer = { compatible: failed.length === 0, types }
  await session.output.show(answer, () => types.flatMap(lines).map(visible).join('\n'))
  return failed.length === 0 ? exitCodes.ok : exitCodes.checkFailed
}

function lines({ type, verdict, findings }: CheckedType): readonly string[] {
  return [`${type}: ${verdict}`, ...findings.flatMap(findingLines)]
}
