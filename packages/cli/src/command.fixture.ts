import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer, type RunningServer } from '@tidings/server'
import type { Broker, Caller } from 'tidings/broker'
import { runAtTerminal } from './terminal.fixture.ts'

/** The command against a real server in this process. */
export interface Bench extends AsyncDisposable {
  readonly server: RunningServer
  readonly broker: Broker
  readonly caller: Caller
  /** An empty folder, which is also the home of the commands. */
  readonly folder: string
  /** Runs `tidings` with these words in this process: many times as fast, for what needs no more than words. */
  tidings(...words: readonly string[]): Promise<Result>
  /** Runs the real command in a process of its own, in the folder. */
  run(words: readonly string[], surroundings?: Surroundings): Promise<Result>
  start(words: readonly string[], surroundings?: Surroundings): RunningCommand
}

export interface Surroundings {
  readonly stdin?: string | Uint8Array
  /** Beside TIDINGS_URL; `undefined` takes one away. */
  readonly variables?: Readonly<Record<string, string | undefined>>
}

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningCommand {
  readonly child: ChildProcess
  readonly ended: Promise<Result>
  /** Resolves when the output so far matches. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
}

const script = join(import.meta.dirname, '../bin/tidings.js')

export async function openBench(): Promise<Bench> {
  if (!existsSync(join(import.meta.dirname, '../dist/index.js'))) {
    throw new Error('The command is not built; run "npm run build" first.')
  }
  const folder = mkdtempSync(join(tmpdir(), 'tidings-cli-'))
  const server = await startServer({
    engine: 'memory',
    port: 0,
    namespaces: ['default', 'blue'],
    push: { allow: ['127.0.0.1'] },
  })
  const start = (words: readonly string[], surroundings: Surroundings = {}): RunningCommand =>
    startCommand(words, { ...surroundings, variables: { TIDINGS_URL: server.url, ...surroundings.variables } }, folder)
  const run = (words: readonly string[], surroundings?: Surroundings): Promise<Result> =>
    start(words, surroundings).ended
  return {
    server,
    broker: server.broker,
    caller: { namespace: 'default', principal: 'operator' },
    folder,
    start,
    run,
    tidings: (...words) => runAtTerminal(words, { variables: { ...homeIn(folder), TIDINGS_URL: server.url } }),
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function startCommand(
  words: readonly string[],
  { stdin = '', variables = {} }: Surroundings,
  folder: string,
): RunningCommand {
  const child = spawn(process.execPath, [script, ...words], { cwd: folder, env: environmentOf(variables, folder) })
  const output = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      for (const listener of listeners) listener()
    })
  }
  // A command that does not read its input may be gone before it is written.
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin)
  const ended = new Promise<Result>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ code, ...output })
      for (const listener of listeners) listener()
    })
  })
  return { child, ended, printed: (pattern) => printed(pattern, output, { child, listeners }) }
}

function printed(
  pattern: RegExp,
  output: Omit<Result, 'code'>,
  { child, listeners }: { readonly child: ChildProcess; readonly listeners: Set<() => void> },
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const found = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
      if (found) resolve(found)
      else if (child.exitCode !== null)
        reject(new Error(`It ended without ${String(pattern)}: ${JSON.stringify(output)}`))
      else return
      listeners.delete(look)
    }
    listeners.add(look)
    look()
  })
}

/** Nothing of the machine's own settings; its home is the folder. */
function environmentOf(given: Readonly<Record<string, string | undefined>>, folder: string): NodeJS.ProcessEnv {
  const { PATH } = process.env
  const variables = { PATH, ...homeIn(folder), ...given }
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined))
}

function homeIn(folder: string): { readonly HOME: string; readonly XDG_CONFIG_HOME: string } {
  return { HOME: folder, XDG_CONFIG_HOME: folder }
}

/** The lines of an output, as JSON. */
export function jsonLines(text: string): readonly Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
