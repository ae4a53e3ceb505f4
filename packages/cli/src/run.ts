import { CommanderError } from 'commander'
import type { RunState } from './command.ts'
import { exitCodes, failureOf, type ExitCode } from './failure.ts'
import { jsonLine } from './json.ts'
import { Output, OutputClosed, type Terminal } from './output.ts'
import { createProgram } from './program.ts'
import { visible } from './text.ts'

/** Runs one command line (without `node` and the script) and answers the exit code; it never throws. */
export async function run(words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const state: RunState = { terminal, exitCode: exitCodes.ok }
  // For what fails before a command has read its options.
  const json = words.includes('--json')
  const output = new Output(terminal, { json, quiet: false, color: !words.includes('--no-color') })
  const program = createProgram(state)
  try {
    if (words.length === 0) program.outputHelp()
    else await program.parseAsync([...words], { from: 'user' })
    return state.exitCode
  } catch (error) {
    return ended(error, output)
  }
}

function ended(error: unknown, output: Output): ExitCode {
  // Help and version are shown, or whoever read the output had enough of it.
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok
  if (error instanceof OutputClosed) return exitCodes.ok
  const { exitCode, ...failure } = failureOf(error)
  if (output.json) {
    output.error(jsonLine({ error: failure }))
    return exitCode
  }
  output.error(`${output.style('red', 'error:', 'stderr')} ${visible(failure.message)}`)
  if (failure.hint !== undefined) output.error(failure.hint)
  return exitCode
}
