import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { notRun } from './not-run.ts'
import { acceptingConnections, freePort, unprivilegedUser } from './postgres-server.ts'
import type { PostgresTest } from './postgres.ts'

/**
 * A PgBouncer in transaction mode before a database, until the end of the test: two connections to the server, so that
 * transactions of one client come to different ones. Where there is none, the test is counted as not run.
 */
export async function behindPgbouncer(test: PostgresTest, database: string): Promise<{ readonly url: string }> {
  const folders = ['/usr/sbin', ...(process.env['PATH'] ?? '').split(':')]
  const folder = folders.find((each) => existsSync(join(each, 'pgbouncer')))
  if (folder === undefined) {
    notRun(test, { part: 'pgbouncer', reason: 'there is no pgbouncer', help: 'apt-get install pgbouncer' })
  }
  const server = new URL(database)
  const port = await freePort()
  const place = await mkdtemp(join(tmpdir(), 'tidings-pgbouncer-'))
  await chmod(place, 0o755)
  const settings = `
[databases]
* = host=${server.hostname} port=${server.port} user=${server.username}${server.password && ` password=${server.password}`}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
`
  const file = join(place, 'pgbouncer.ini')
  await writeFile(file, settings, { mode: 0o644 })
  const bouncer = spawn(join(folder, 'pgbouncer'), ['--quiet', file], {
    ...(await unprivilegedUser()),
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => bouncer.once('exit', () => resolve()))
  test.onTestFinished(async () => {
    bouncer.kill('SIGKILL')
    await ended
    await rm(place, { recursive: true, force: true })
  })
  const url = Object.assign(new URL(database), { hostname: '127.0.0.1', port: String(port) }).href
  const refused = ended.then(() => Promise.reject(new Error('PgBouncer ended at once; see what it has printed.')))
  await acceptingConnections(url, refused)
  return { url }
}
