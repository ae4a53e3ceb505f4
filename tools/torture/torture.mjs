import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * `npm run torture -- --minutes 10 [words of a file]`: runs each of the files `*.torture.test.ts` for so many minutes, and prints
 * what each did. A torture goes on until its time is over; what it finds, it prints with the seed that shows it again.
 */
const root = join(import.meta.dirname, '../..')
const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '10' } },
  allowPositionals: true,
})
const minutes = Number(values.minutes)
if (!(minutes > 0)) {
  console.error(`--minutes must be a number above 0; it was ${values.minutes}.`)
  process.exit(2)
}
const config = join(root, 'tools/torture/vitest.config.ts')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', config, ...positionals], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, TIDINGS_TORTURE_MINUTES: String(minutes) },
})
process.exitCode = status ?? 1
