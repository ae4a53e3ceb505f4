import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, chown, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client, Pool } from 'pg'
import { findProgram, freePort, startProgram, type User } from './program.ts'

/** A PostgreSQL of one system's own. */
export interface Postgres {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** Durable as it comes, with the memory and the log that its own documentation advises for much writing. */
const settings = [
  'fsync=on',
  'synchronous_commit=on',
  'shared_buffers=512MB',
  'max_wal_size=4GB',
  'max_connections=100',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
]

const debian = '/usr/lib/postgresql'

/** Of the newest version that is installed. */
export function postgresProgram(name: string): string | undefined {
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((left, right) => Number(right) - Number(left)) : []
  const installed = versions.map((version) => join(debian, version, 'bin', name)).find((path) => existsSync(path))
  return installed ?? findProgram(name)
}

export async function missingPostgres(): Promise<string | undefined> {
  return postgresProgram('initdb') && postgresProgram('postgres')
    ? undefined
    : 'there are no programs of PostgreSQL on this machine; apt-get install postgresql'
}

/** Starts the cluster of a folder, and makes it where there is none; with more settings (`name=value`) than every one has. */
export async function startPostgres(folder: string, more: readonly string[] = []): Promise<Postgres> {
  const user = await unprivilegedUser()
  const data = join(folder, 'postgres')
  if (!existsSync(data)) await initialise(folder, data, user)
  const port = await freePort()
  const program = await startProgram({
    command: postgresProgram('postgres')!,
    words: ['-D', data, ...[`port=${port}`, ...settings, ...more].flatMap((setting) => ['-c', setting])],
    log: join(folder, 'postgres.log'),
    port,
    folder: data,
    user,
  })
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  await untilReady(url)
  return { url, pid: program.pid, stop: () => program.end('SIGINT') }
}

/** Its connections may still be closing when their server ends: nothing that they say then is news. */
export function openPool({ url }: Postgres, max: number): Pool {
  const pool = new Pool({ connectionString: url, max })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

async function initialise(folder: string, data: string, user: User | undefined): Promise<void> {
  await chmod(folder, 0o755)
  await mkdir(data, { mode: 0o700 })
  if (user) await chown(data, user.uid, user.gid)
  const words = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
  await promisify(execFile)(postgresProgram('initdb')!, words, { ...user, cwd: data })
}

/** It takes connections before it has recovered, to say so. */
async function untilReady(url: string): Promise<void> {
  const startingUp = '57P03'
  for (;;) {
    const client = new Client({ connectionString: url })
    try {
      await client.connect()
      return
    } catch (error) {
      if ((error as { code?: string }).code !== startingUp) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    } finally {
      await client.end()
    }
  }
}

/** PostgreSQL does not run as root. */
async function unprivilegedUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const found = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  return found && { uid: Number(found[2]), gid: Number(found[3]) }
}
