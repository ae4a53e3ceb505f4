import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { TidingsError } from '../../errors.ts'

export interface TestFolder {
  readonly path: string
  /** A process of its own that runs a script with the built package; the path is its `process.argv[1]`. */
  run(script: string, options?: ProcessOptions): EngineProcess
  /** Ends the processes and removes the folder. */
  dispose(): Promise<void>
}

export async function emptyFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'tidings-embedded-'))
  const processes: EngineProcess[] = []
  return {
    path,
    run(script, options = {}) {
      const started = startProcess(script, path, options)
      processes.push(started)
      return started
    },
    async dispose() {
      for (const { child } of processes) child.kill('SIGKILL')
      await Promise.all(processes.map(({ ended }) => ended))
      await rm(path, { recursive: true })
    },
  }
}

/** `started`, or the code with which it was refused. */
export async function codeOf(engine: { start(): Promise<void>; stop(): Promise<void> }): Promise<string> {
  try {
    await engine.start()
  } catch (error) {
    if (error instanceof TidingsError) return error.code
    throw error
  }
  await engine.stop()
  return 'started'
}

export interface ProcessOptions {
  /** What the shell does first. */
  readonly before?: string
  /** A program that runs and watches it. */
  readonly trace?: readonly string[]
  /** Whether nobody wants to see its errors. */
  readonly quiet?: boolean
}

export interface EngineProcess {
  readonly child: ChildProcess
  /** What it has printed. */
  readonly lines: readonly string[]
  /** Resolves when it has printed so many lines. */
  printed(count: number): Promise<void>
  /** Resolves with its exit code; `null` where a signal ended it. */
  readonly ended: Promise<number | null>
}

function startProcess(
  script: string,
  path: string,
  { before = 'true', trace = [], quiet = false }: ProcessOptions,
): EngineProcess {
  const command = [...trace, process.execPath, '--input-type=module', '--eval', script, path]
  const child = spawn('bash', ['-c', `${before}; exec "$@"`, 'bash', ...command], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', quiet ? 'ignore' : 'inherit'],
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    for (const wake of waiting) wake()
  })
  return {
    child,
    lines,
    printed: (count) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (lines.length < count) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        child.once('close', () => reject(new Error(`The process ended after ${lines.length} lines.`)))
        look()
      }),
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code))),
  }
}
