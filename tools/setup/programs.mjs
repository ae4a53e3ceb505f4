import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { dockerImage } from './docker-image.mjs'

/**
 * Installs the programs that tests need beside Node, where that is a matter of course: on Debian, as root, as in a
 * container or on a machine for tests. Elsewhere it does nothing, and the tests that need one are listed as not run.
 */
const packages = {
  chromium: onPath('chromium'),
  curl: onPath('curl'),
  faketime: onPath('faketime'),
  jq: onPath('jq'),
  pgbouncer: onPath('pgbouncer') || existsSync('/usr/sbin/pgbouncer'),
  postgresql: hasPostgres(),
  python3: onPath('python3'),
  strace: onPath('strace'),
}

/** Debian keeps the server's programs out of the way. */
function hasPostgres() {
  const debian = '/usr/lib/postgresql'
  return (existsSync(debian) && readdirSync(debian).length > 0) || onPath('postgres')
}

/** @param {string} program */
function onPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

/** @param {string[]} words */
function aptGet(...words) {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', words, { stdio: ['ignore', 'ignore', 'inherit'], env: environment }).status === 0
}

const missing = Object.entries(packages).flatMap(([name, isThere]) => (isThere ? [] : [name]))
if (missing.length > 0 && existsSync('/etc/debian_version') && process.getuid?.() === 0) {
  console.log(`set-up: apt-get install ${missing.join(' ')}`)
  const install = [
    'install',
    '--yes',
    '--quiet',
    '--no-install-recommends',
    '-o',
    'DPkg::Lock::Timeout=300',
    ...missing,
  ]
  // Without a list of packages, or with an old one, the first try fails.
  const done = aptGet(...install) || (aptGet('update', '--quiet') && aptGet(...install))
  if (!done) console.log('set-up: that did not work; tests that need them are listed as not run')
}

// No test waits as long as an image may take.
if (!hasPostgres() && !process.env.TIDINGS_TEST_POSTGRES_URL && onPath('docker')) {
  console.log(`set-up: docker pull ${dockerImage}`)
  const { status } = spawnSync('docker', ['pull', '--quiet', dockerImage], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) console.log('set-up: that did not work; tests with PostgreSQL are listed as not run')
}
