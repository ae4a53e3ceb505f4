import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import { run } from './run.ts'

export interface TerminalOptions {
  /** Whether a person seems to sit there. */
  readonly isTTY?: boolean
  /** What is typed. */
  readonly typed?: string
  readonly variables?: Readonly<Record<string, string | undefined>>
}

/** Runs a command line in this process, at a terminal that is no real one. */
export async function runAtTerminal(
  words: readonly string[],
  { isTTY = false, typed = '', variables = {} }: TerminalOptions = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdin, stdout, stderr] = [terminalStream(isTTY), terminalStream(isTTY), terminalStream(isTTY)]
  stdin.end(typed)
  const printed = { stdout: '', stderr: '' }
  stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text))
  stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text))
  const code = await run(words, { stdin, stdout, stderr, env: { HOME: '/nowhere', ...variables } })
  for (const stream of [stdout, stderr]) await finished(stream.end())
  return { code, ...printed }
}

function terminalStream(isTTY: boolean): PassThrough & { readonly isTTY: boolean } {
  return Object.assign(new PassThrough(), { isTTY })
}

/** Every command below that does something, as it is typed after `tidings`. */
export function leaves(command: Command, path = ''): string[] {
  const below = command.commands.filter((each) => !['help', 'complete'].includes(each.name()))
  return below.length === 0 ? [path] : below.flatMap((each) => leaves(each, `${path} ${each.name()}`.trim()))
}
