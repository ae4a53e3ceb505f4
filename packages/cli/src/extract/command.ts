import type { TidingsCommand } from '../command.ts'
import { exitCodes, type ExitCode } from '../failure.ts'
import { untilInterrupted } from '../interrupt.ts'
import { explained } from '../postgres.ts'
import type { Session } from '../session.ts'
import { openExtraction, type ExtractFlags, type OpenExtraction } from './open.ts'
import { sayWhatStands } from './stands.ts'

/** What every command of an extraction is told. */
export function extractOptions(command: TidingsCommand): TidingsCommand {
  return command
    .option('--from <url>', 'the old database (TIDINGS_FROM, which keeps a password off the list of processes)')
    .option('--to <url>', 'the new one (TIDINGS_TO)')
    .option('--name <name>', 'of the extraction; that of the new database')
}

/**
 * Runs a command of an extraction. One that fails or is interrupted says where the extraction stands; interrupted, it
 * ends with an exit code of its own.
 */
export async function onExtraction(
  session: Session,
  flags: ExtractFlags,
  work: (open: OpenExtraction, signal: AbortSignal) => Promise<ExitCode | void>,
  ask?: (open: OpenExtraction) => Promise<void>,
): Promise<ExitCode> {
  await using open = await openExtraction(session, flags)
  // Before anything is begun, so that an interruption needs no answer.
  await ask?.(open)
  return await untilInterrupted(async (signal) => {
    try {
      const code = (await work(open, signal)) ?? exitCodes.ok
      if (!signal.aborted) return code
    } catch (error) {
      if (!signal.aborted) {
        session.output.endProgress()
        await sayWhatStands(session, open)
        throw explained(error)
      }
    }
    session.output.endProgress()
    await sayWhatStands(session, open)
    return exitCodes.unfinished
  })
}
