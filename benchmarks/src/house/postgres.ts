import { execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chown, mkdir, open, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { until } from './loops.ts'

/** A PostgreSQL server of a benchmark's own. */
export interface Postgres {
  readonly url: string
  readonly pid: number
  /** SIGKILL to every process of it, then a start on what it has stored, at the same URL. */
  crash(): Promise<void>
  stop(): Promise<void>
}

/** Durable as it comes; with room for many clients and for capture. Sizes of a server for two cores. */
const settings = [
  'fsync=on',
  'synchronous_commit=on',
  'wal_level=logical',
  'max_connections=200',
  'shared_buffers=512MB',
  'max_wal_size=4GB',
  'shared_preload_libraries=pg_stat_statements',
]

const debian = '/usr/lib/postgresql'

/** The folder of the newest version's programs, or `undefined`. */
export function postgresPrograms(): string | undefined {
  const versions = existsSync(debian) ? readdirSync(debian).sort((left, right) => Number(right) - Number(left)) : []
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ]
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))))
}

/** Why none can be started here. */
export function missingPostgres(): string | undefined {
  return postgresPrograms() === undefined
    ? 'there are no programs of PostgreSQL on this machine: apt-get install postgresql'
    : undefined
}

/** A new cluster in a folder, as an unprivileged user where root runs the benchmark, as PostgreSQL asks. */
export async function startPostgres(folder: string): Promise<Postgres> {
  const programs = postgresPrograms()
  if (programs === undefined) throw new Error(missingPostgres())
  const user = await unprivilegedUser()
  const data = join(folder, 'postgres')
  await mkdir(data, { mode: 0o700 })
  if (user) await chown(data, user.uid, user.gid)
  const options = { ...user, cwd: data, env: { ...process.env, LC_ALL: 'C.UTF-8' } }
  const initialise = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-sync']
  await promisify(execFile)(join(programs, 'initdb'), initialise, options)
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let server = await launch()
  async function launch(): Promise<ReturnType<typeof spawn>> {
    const log = await open(`${data}.log`, 'a')
    const all = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', ...settings]
    const words = ['-D', data, ...all.flatMap((line) => ['-c', line])]
    const child = spawn(join(programs!, 'postgres'), words, { ...options, stdio: ['ignore', log.fd, log.fd] })
    await log.close()
    await until(async () => {
      if (child.exitCode === null) return accepts(url)
      throw new Error(`PostgreSQL ended with ${child.exitCode}: ${await readFile(`${data}.log`, 'utf8')}`)
    })
    return child
  }
  const end = async (signal: 'SIGKILL' | 'SIGQUIT'): Promise<void> => {
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill(signal)
    await ended
  }
  return {
    url,
    get pid() {
      return server.pid!
    },
    async crash() {
      const { stdout } = await promisify(execFile)('pgrep', ['-P', String(server.pid)])
      const others = stdout.trim().split('\n').map(Number)
      // The first one first, so that it starts no others.
      await Promise.all([end('SIGKILL'), ...others.map((pid) => killed(pid))])
      server = await launch()
    },
    stop: () => end('SIGQUIT'),
  }
}

/** Resolves once there is no such process any more. */
async function killed(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGKILL')
    await until(() => {
      process.kill(pid, 0)
      return false
    })
  } catch {
    // There is none.
  }
}

async function accepts(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url })
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const found = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  return found && { uid: Number(found[2]), gid: Number(found[3]) }
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
