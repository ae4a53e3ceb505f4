import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { oldestAndNewest } from '@tidings/tools/postgres-versions'

/** What the tests have on their disks at most, at the same time. */
const roomBytes = 8 * 1_073_741_824

/**
 * A folder in memory, where there is one with room from which programs can be run: databases and stores flush their files
 * as they do anywhere, and none waits for the disk of another. No test takes the power away, so that nothing depends on
 * where they are.
 */
function folderInMemory(): string | undefined {
  const folder = '/dev/shm'
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').split('\n') : []
  const mount = mounts.find((line) => line.split(' ')[1] === folder)
  if (mount === undefined || mount.includes('noexec')) return undefined
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize >= roomBytes ? folder : undefined
}
const inMemory = folderInMemory()
if (inMemory !== undefined) process.env['TMPDIR'] ??= inMemory

/** The packages of this repository from their sources; `import` is not among them, because Node takes it for `require` as well. */
const source = ['tidings-source', 'node', 'module', 'default']

const everyTest = '{packages,examples,tools,benchmarks}/**/*.test.ts'

/** What is run on the versions that `npm run test:postgres` names. */
const withPostgres = [
  '{packages,examples,tools,benchmarks}/**/*.postgres.test.ts',
  'packages/tidings/src/replica/erase.test.ts',
  'tools/testing/postgres.test.ts',
]

/**
 * What depends most on the version of PostgreSQL: `npm test` runs it on the oldest and on the newest as well, and
 * `npm run test:postgres` the rest.
 */
const nearPostgres = [
  ...[
    'capture/{changes,listing,pgoutput,refusals}',
    'databases/postgres/conformance',
    'engines/postgres/{fence,start}',
    'outbox/postgres/{publish,rows}',
  ].map((files) => `packages/tidings/src/${files}.postgres.test.ts`),
  'tools/testing/postgres.test.ts',
]

const common = {
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source, externalConditions: source } },
}

const options = {
  // Those go on until their time is over: `npm run torture`.
  exclude: [...configDefaults.exclude, '**/*.torture.test.ts'],
  // One PostgreSQL server for all tests of a run, started when the first of them asks for it.
  globalSetup: ['tools/testing/postgres-setup.ts'],
  testTimeout: 30_000,
  hookTimeout: 30_000,
}

/** Some tests once more, with a server of another version than that of this machine. */
function onPostgres(version: string, include: string[]): TestProjectInlineConfiguration {
  const env = { TIDINGS_TEST_POSTGRES_VERSION: version }
  return { ...common, test: { ...options, name: `PostgreSQL ${version}`, include, env } }
}

/** `npm test` has the mode `everything`. */
function projectsOf(mode: string): TestProjectInlineConfiguration[] | undefined {
  const versions = process.env['TIDINGS_TEST_POSTGRES_VERSIONS']
  if (versions) return versions.split(',').map((version) => onPostgres(version, withPostgres))
  if (mode !== 'everything') return undefined
  const whole = { ...common, test: { ...options, name: 'this machine', include: [everyTest] } }
  return [whole, ...oldestAndNewest.map((version) => onPostgres(version, nearPostgres))]
}

export default defineConfig(({ mode }) => {
  const projects = projectsOf(mode)
  // Tests wait for timers, disks and processes more than they compute; two cores would get one worker by default.
  const maxWorkers = availableParallelism() + 1
  return { ...common, test: { ...options, maxWorkers, ...(projects ? { projects } : { include: [everyTest] }) } }
})
