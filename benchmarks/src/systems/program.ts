import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'

/** A server that a benchmark starts for itself. */
export interface Program {
  readonly command: string
  readonly words: readonly string[]
  /** What it says goes there. */
  readonly log: string
  /** It has started once it takes connections on this port of 127.0.0.1. */
  readonly port: number
  readonly folder?: string
  readonly variables?: Readonly<Record<string, string>>
  /** Where it must not run as root. */
  readonly user?: User | undefined
}

export interface User {
  readonly uid: number
  readonly gid: number
}

export interface RunningProgram {
  readonly pid: number
  /** Asks it to end in good order, and resolves when it has. */
  end(signal?: NodeJS.Signals): Promise<void>
}

/** Debian keeps servers where only root looks for programs. */
const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']

export function findProgram(name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/** The sentence for a program that this machine lacks. */
export function missingProgram(name: string, help: string): string | undefined {
  return findProgram(name) === undefined ? `there is no ${name} on this machine; ${help}` : undefined
}

/** Starts a program that ends with this process, even when that is killed: the kernel sees to it, on Linux. */
export async function startProgram(program: Program): Promise<RunningProgram> {
  const log = await open(program.log, 'a')
  const child = spawn('setpriv', [...privileges(program.user), '--', program.command, ...program.words], {
    cwd: program.folder,
    env: { ...process.env, ...program.variables },
    stdio: ['ignore', log.fd, log.fd],
  })
  await log.close()
  await untilListening(child, program)
  return {
    pid: child.pid!,
    async end(signal = 'SIGTERM') {
      if (hasEnded(child)) return
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    },
  }
}

function privileges(user: User | undefined): string[] {
  const rights = user ? ['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups'] : []
  return ['--pdeathsig', 'KILL', ...rights]
}

async function untilListening(child: ChildProcess, { command, log, port }: Program): Promise<void> {
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  failed.catch(() => undefined)
  while (!(await Promise.race([isListening(port), failed]))) {
    if (hasEnded(child)) throw new Error(`${command} ended at once; it said:\n${await readFile(log, 'utf8')}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy().destroyed))
    socket.once('error', () => resolve(false))
  })
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
