import { existsSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Client } from 'pg'
import { expect, test, vi, type TestContext } from 'vitest'
import { freePort, startContainer, stopPostgres, unprivilegedUser } from './postgres-server.ts'
import { postgresPrograms } from './postgres.ts'

/**
 * Takes the words that are meant for Docker, refuses others, and does by the programs of this machine what Docker and
 * the image do with them: a cluster is made, its server gets the words behind the image, and its port is another one.
 */
const standIn = `#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"
as() { if [ -n "$RUN_AS" ]; then setpriv --reuid="$RUN_AS" --regid="$RUN_AS" --clear-groups "$@"; else "$@"; fi; }
case "$*" in
  run\\ *)
    shift
    until [[ $1 == postgres:* ]]; do
      case "$1 \${2-}" in
        --detach\\ *) shift ;;
        '--publish 127.0.0.1::5432') shift 2 ;;
        '--env '*=*) export "$2"; shift 2 ;;
        *) echo "unknown flag: $1" >&2; exit 125 ;;
      esac
    done
    shift
    as "$BINARIES/initdb" -D data -U postgres --auth="$POSTGRES_HOST_AUTH_METHOD" $POSTGRES_INITDB_ARGS >/dev/null
    as "$BINARIES/postgres" -D data -p "$PORT" -c unix_socket_directories= $BREAK "$@" >log 2>&1 &
    echo $! >pid
    echo c0ffee ;;
  'port c0ffee 5432/tcp') echo "127.0.0.1:$PORT" ;;
  'wait c0ffee') tail --pid="$(cat pid)" -f /dev/null; echo 1 ;;
  'logs c0ffee') cat log ;;
  'rm --force --volumes c0ffee') touch removed; kill -QUIT "$(cat pid)" || true ;;
  *) echo "unknown command: $*" >&2; exit 125 ;;
esac
`

/** Puts the stand-in where Docker would be found; answers its folder. */
async function insteadOfDocker(context: TestContext, more = ''): Promise<string> {
  const binaries = postgresPrograms(context)
  context.onTestFinished(() => void vi.unstubAllEnvs())
  const folder = await mkdtemp(join(tmpdir(), 'tidings-docker-'))
  context.onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const user = await unprivilegedUser()
  await chmod(folder, 0o755)
  if (user) await chown(folder, user.uid, user.gid)
  await writeFile(join(folder, 'docker'), standIn, { mode: 0o755 })
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH'] ?? ''}`)
  vi.stubEnv('BINARIES', binaries)
  vi.stubEnv('PORT', String(await freePort()))
  vi.stubEnv('RUN_AS', user ? String(user.uid) : '')
  vi.stubEnv('BREAK', more)
  return folder
}

test('a server in Docker captures changes, orders texts as one of this machine does, and goes when the run is over', async (context) => {
  const folder = await insteadOfDocker(context)
  const server = await startContainer()
  if (!('url' in server)) return expect.unreachable(server.missing)
  context.onTestFinished(() => stopPostgres(server))
  const client = new Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query(
    `select current_setting('wal_level') as wal_level, pg_encoding_to_char(encoding) as encoding, datcollate
       from pg_database where datname = current_database()`,
  )
  expect(rows).toEqual([{ wal_level: 'logical', encoding: 'UTF8', datcollate: 'C.UTF-8' }])
  await client.end()
  await stopPostgres(server)
  expect(existsSync(join(folder, 'removed'))).toBe(true)
})

test('a server in Docker that does not start is removed, and its log says why', async (context) => {
  const folder = await insteadOfDocker(context, '-c wal_level=nonsense -c')
  await expect(startContainer()).rejects.toThrow(/PostgreSQL in Docker ended with 1: .*wal_level/s)
  expect(existsSync(join(folder, 'removed'))).toBe(true)
})

test('a machine without Docker says so', async (context) => {
  context.onTestFinished(() => void vi.unstubAllEnvs())
  vi.stubEnv('PATH', '')
  expect(await startContainer()).toEqual({ missing: 'there is no Docker' })
})
