import { execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chown, mkdir, open, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { dockerImage } from '../setup/docker-image.mjs'
import { binariesOfVersion } from '../setup/postgres-versions.mjs'

const run = promisify(execFile)

/** A PostgreSQL server for tests that is somebody's to end. */
export interface RunningPostgres {
  /** Of its superuser, to its first database. */
  readonly url: string
  /** The process to kill; absent where it is not ours. */
  readonly pid?: number
  /** The container to remove. */
  readonly container?: string
}

/** What `startPostgres` found instead of a server. */
export interface MissingPostgres {
  readonly missing: string
  readonly help: string
}

/** `logical` for capture; everything else as a careful team would have it. */
const settings = ['wal_level=logical', 'max_connections=200', 'max_replication_slots=20', 'max_wal_senders=20']

/** The version that these tests are about, where it is not that of this machine: see `vitest.config.ts`. */
export function askedVersion(): string | undefined {
  return process.env['TIDINGS_TEST_POSTGRES_VERSION']
}

/**
 * A server to test with: that of `TIDINGS_TEST_POSTGRES_URL`, where no version is asked for; one of our own below
 * `folder`, from the binaries on this machine, which `npm test` installs where that is a matter of course; one in Docker.
 */
export async function findPostgres(folder: string): Promise<RunningPostgres | MissingPostgres> {
  const version = askedVersion()
  const url = process.env['TIDINGS_TEST_POSTGRES_URL']
  if (url && version === undefined) return { url }
  const binaries = binariesOfPostgres()
  if (binaries) return startPostgres(binaries, folder)
  if (version !== undefined) {
    return { missing: `there is no PostgreSQL ${version}`, help: `npm run test:postgres -- ${version}` }
  }
  const container = await startContainer()
  if ('url' in container) return container
  return {
    missing: `there is no PostgreSQL on this machine, and ${container.missing}`,
    help: 'apt-get install postgresql, or TIDINGS_TEST_POSTGRES_URL=postgres://…',
  }
}

/** The folder with `initdb` and `postgres` of the version that is asked for, or else of the newest that is installed. */
export function binariesOfPostgres(): string | undefined {
  const hasServer = (folder: string): boolean => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name)))
  const asked = askedVersion()
  if (asked !== undefined) return [binariesOfVersion(asked)].find(hasServer)
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((left, right) => Number(right) - Number(left)) : []
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
    '/opt/homebrew/opt/postgresql/bin',
  ]
  return folders.find(hasServer)
}

/** A cluster in a folder of its own; as an unprivileged user where root runs the tests, as PostgreSQL asks. */
export async function startPostgres(binaries: string, folder: string): Promise<RunningPostgres> {
  const user = await unprivilegedUser()
  const data = join(folder, 'data')
  await mkdir(data, { recursive: true, mode: 0o700 })
  if (user) for (const path of [folder, data]) await chown(path, user.uid, user.gid)
  const options = { ...user, env: { ...process.env, LC_ALL: 'C.UTF-8' }, cwd: folder }
  const initialise = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-sync']
  await run(join(binaries, 'initdb'), initialise, options)
  return runPostgres({ binaries, folder })
}

/** Starts the cluster of a folder, again or for the first time. */
export async function runPostgres(cluster: {
  readonly binaries: string
  readonly folder: string
  readonly port?: number
  readonly settings?: readonly string[]
}): Promise<RunningPostgres> {
  const { binaries, folder } = cluster
  const user = await unprivilegedUser()
  const port = cluster.port ?? (await freePort())
  const log = await open(join(folder, 'log'), 'a')
  const all = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=`,
    ...settings,
    ...(cluster.settings ?? []),
  ]
  const server = spawn(
    join(binaries, 'postgres'),
    ['-D', join(folder, 'data'), ...all.flatMap((line) => ['-c', line])],
    {
      ...user,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    },
  )
  server.unref()
  await log.close()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const ended = new Promise<never>((_, reject) => {
    server.once('error', reject)
    server.once('exit', (code) =>
      reject(readFile(join(folder, 'log'), 'utf8').then((text) => new Error(`PostgreSQL ended with ${code}: ${text}`))),
    )
  })
  await acceptingConnections(url, ended)
  return { url, pid: server.pid! }
}

export async function stopPostgres({ pid, container }: RunningPostgres): Promise<void> {
  if (container !== undefined) await run('docker', ['rm', '--force', '--volumes', container])
  if (pid === undefined) return
  try {
    process.kill(pid, 'SIGQUIT')
  } catch {
    return
  }
  await ended(pid)
}

/** Ends every process of a cluster as a power loss would: none of them can do anything about it. */
export async function killPostgres(pid: number): Promise<void> {
  const { stdout } = await run('pgrep', ['-P', String(pid)])
  const all = [pid, ...stdout.trim().split('\n').map(Number)]
  // The first one first, so that it starts no others.
  for (const each of all) process.kill(each, 'SIGKILL')
  for (const each of all) await ended(each)
}

/** Resolves once there is no such process any more; it is nobody's child, so it has to be looked for. */
async function ended(pid: number): Promise<void> {
  try {
    for (;;) {
      process.kill(pid, 0)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } catch {
    // There is none.
  }
}

/** A server in Docker, or why there is none. */
export async function startContainer(): Promise<RunningPostgres | { readonly missing: string }> {
  const variables = ['--env', 'POSTGRES_HOST_AUTH_METHOD=trust', '--env', 'POSTGRES_INITDB_ARGS=--locale=C.UTF-8']
  const begin = ['run', '--detach', '--publish', '127.0.0.1::5432', ...variables, dockerImage]
  let container: string
  try {
    const { stdout } = await run('docker', [...begin, ...settings.flatMap((line) => ['-c', line])])
    container = stdout.trim()
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code !== 'ENOENT'
    return { missing: isThere ? `Docker did not start one: ${(error as Error).message}` : 'there is no Docker' }
  }
  try {
    const { stdout: address } = await run('docker', ['port', container, '5432/tcp'])
    const url = `postgres://postgres@${address.trim()}/postgres`
    const started = new AbortController()
    await acceptingConnections(url, endOf(container, started.signal))
    started.abort()
    return { url, container }
  } catch (error) {
    await run('docker', ['rm', '--force', '--volumes', container])
    throw error
  }
}

/** Rejects with its log once a container has ended. */
async function endOf(container: string, signal: AbortSignal): Promise<never> {
  const { stdout: code } = await run('docker', ['wait', container], { signal })
  const { stdout, stderr } = await run('docker', ['logs', container])
  throw new Error(`PostgreSQL in Docker ended with ${code.trim()}: ${stdout}${stderr}`)
}

/** Resolves once the server takes connections, and rejects with what ended it before. */
export async function acceptingConnections(url: string, ended: Promise<never>): Promise<void> {
  let isOver = false
  const over = ended.finally(() => (isOver = true))
  const connect = async (): Promise<void> => {
    while (!isOver) {
      const client = new Client({ connectionString: url })
      try {
        await client.connect()
        await client.end()
        return
      } catch {
        await client.end().catch(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }
  await Promise.race([connect(), over])
}

export async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
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
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
