import { spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'

/** The built server in a process of its own, as users run it. */
export const serverProgram = `
  import { startServer } from '@tidings/server'
  const [path, port] = process.argv.slice(1)
  const server = await startServer({ path, port: Number(port) })
  console.log(server.url)
`

/** Calls until there is an answer, however often the server is gone. */
export async function untilAnswered<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if ((error as { retryable?: boolean }).retryable !== true) throw error
      await pause(10)
    }
  }
}

export interface RunningProcess {
  /** The first line that it printed. */
  readonly line: string
  isAlive(): boolean
  kill(): Promise<void>
}

export async function startProcess(source: string, ...values: string[]): Promise<RunningProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source, ...values], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (printed: Buffer) => resolve(printed.toString().trim()))
    void ended.then(() => reject(new Error('The process ended before it was ready.')))
  })
  return {
    line,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
