import { PassThrough } from 'node:stream'
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
  const [stdin, stdout, stderr] = [0, 1, 2].map(() => Object.assign(new PassThrough(), { isTTY }))
  stdin!.end(typed)
  const code = await run(words, {
    stdin: stdin!,
    stdout: stdout!,
    stderr: stderr!,
    env: { HOME: '/nowhere', ...variables },
  })
  const text = (stream: PassThrough | undefined): string => (stream!.read() as Buffer | null)?.toString('utf8') ?? ''
  return { code, stdout: text(stdout), stderr: text(stderr) }
}

/** Every command below that does something, as it is typed after `tidings`. */
export function leaves(command: Command, path = ''): string[] {
  const below = command.commands.filter((each) => !['help', 'complete'].includes(each.name()))
  return below.length === 0 ? [path] : below.flatMap((each) => leaves(each, `${path} ${each.name()}`.trim()))
}
