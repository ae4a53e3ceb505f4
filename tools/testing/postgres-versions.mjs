/**
 * `npm run test:postgres`, or `npm run test:postgres -- 16 17 <word of a file> …`: every test with PostgreSQL on other
 * versions than that of this machine; the oldest and the newest where none is named. Ends with the counts of each.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { bringVersions, oldestAndNewest } from '../setup/postgres-versions.mjs'

const root = join(import.meta.dirname, '../..')
const words = process.argv.slice(2)
const named = words.filter((word) => /^\d+$/.test(word))
const versions = named.length > 0 ? named : oldestAndNewest
bringVersions(versions)
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const reporters = ['--reporter=default', '--reporter=./tools/testing/counts-reporter.ts']
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', ...reporters, ...words.filter((word) => !named.includes(word))],
  { cwd: root, stdio: 'inherit', env: { ...process.env, TIDINGS_TEST_POSTGRES_VERSIONS: versions.join(',') } },
)
process.exit(status ?? 1)
