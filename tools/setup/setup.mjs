/**
 * Makes a clone ready to run: installs dependencies when they are missing or not those of the lock file, then builds.
 * npm runs this before `npm start`, `npm test` and `npm run check`. It may use only what Node itself brings, because
 * there may be no `node_modules` yet.
 *
 *   node tools/setup/setup.mjs              install if needed, build
 *   node tools/setup/setup.mjs --no-build   install if needed
 *   node tools/setup/setup.mjs --stamp      note that what is installed now is what the lock file says
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const stampFile = join(root, 'node_modules/.tidings-installed')

/** Native modules are built for one platform and one version of Node's binary interface, so both belong to the stamp. */
function expectedStamp() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  return [
    createHash('sha256').update(lock).digest('hex'),
    process.platform,
    process.arch,
    process.versions.modules,
  ].join(' ')
}

function installed() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === expectedStamp()
}

function stamp() {
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(stampFile, expectedStamp())
}

/** @param {string} title @param {string} command @param {string[]} parameters */
function run(title, command, parameters) {
  const { status, error } = spawnSync(command, parameters, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status === 0) return
  console.error(
    `${title} failed${error ? `: ${error.message}` : ''}. Mend what is reported above and run the same command again.`,
  )
  process.exit(status || 1)
}

function refuseOldNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(
    `Tidings needs Node 20.19 or later; this is ${process.versions.node}. Install a later Node and try again.`,
  )
  process.exit(1)
}

const options = process.argv.slice(2)
refuseOldNode()
if (options.includes('--stamp')) {
  stamp()
} else {
  if (!installed()) {
    console.error('Installing dependencies (npm ci) …')
    run('Installing dependencies', 'npm', ['ci', '--no-audit', '--no-fund'])
    stamp()
  }
  if (!options.includes('--no-build'))
    run('The build', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b', 'tsconfig.build.json'])
}
