import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { Broker, Caller } from 'tidings/broker'

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

/** The ids of everything that a topic holds, in its order. */
export async function readAll(broker: Broker, caller: Caller, topic: string): Promise<string[]> {
  const ids: string[] = []
  for (let after = 'beginning', head = ''; after !== head;) {
    const page = await broker.read(caller, { topic, after, limit: 1_000 })
    ids.push(...page.events.map(({ event }) => event.id))
    after = page.until
    head = page.head
  }
  return ids
}

export interface RunningProcess {
  readonly pid: number
  /** The first line that it printed. */
  readonly line: string
  /** What it printed after that. */
  readonly lines: readonly string[]
  isAlive(): boolean
  kill(): Promise<void>
  /** Sends it a signal: to stop (`SIGSTOP`), go on (`SIGCONT`) or end. */
  signal(name: NodeJS.Signals): void
  /** Resolves when it has ended, whoever ended it. */
  readonly ended: Promise<void>
}

export function startProcess(source: string, ...values: string[]): Promise<RunningProcess> {
  return startProcessWith({}, source, ...values)
}

/** With these variables of the surroundings, beside those that this process has. */
export async function startProcessWith(
  variables: Readonly<Record<string, string>>,
  source: string,
  ...values: string[]
): Promise<RunningProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source, ...values], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...variables },
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const lines: string[] = []
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout })
      .once('line', resolve)
      .on('line', (printed) => lines.push(printed))
    void ended.then(() => reject(new Error('The process ended before it was ready.')))
  })
  lines.shift()
  return {
    pid: child.pid!,
    line,
    lines,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    signal: (name) => void child.kill(name),
    ended,
  }
}
