import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * `npm run torture -- --minutes 10 [--seed 7] [words of a file's name]`: runs the files `*.torture.test.ts`, which share
 * the minutes, and prints what each did. A torture goes on until its time is over; what it finds, it prints with the seed
 * that shows it again.
 */
const root = join(import.meta.dirname, '../..')
const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
  allowPositionals: true,
})
const minutes = Number(values.minutes)
if (!(minutes > 0)) refuse(`--minutes must be a number above 0; it was ${values.minutes}.`)
if (values.seed !== undefined && !/^\d{1,15}$/.test(values.seed)) {
  refuse(`--seed must be a whole number; it was ${values.seed}.`)
}
const files = torturesOf('packages').filter((file) => positionals.every((word) => file.includes(word)))
if (files.length === 0) refuse(`No file *.torture.test.ts has ${positionals.join(' and ')} in its path.`)
const config = join(root, 'tools/torture/vitest.config.ts')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', config, ...files], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    TIDINGS_TORTURE_MINUTES: String(minutes / files.length),
    ...(values.seed !== undefined && { TIDINGS_TORTURE_SEED: values.seed }),
  },
})
process.exitCode = status ?? 1

/** @param {string} folder */
function torturesOf(folder) {
  return readdirSync(join(root, folder)).flatMap((name) =>
    readdirSync(join(root, folder, name, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.torture.test.ts'))
      .map((file) => join(folder, name, 'src', file)),
  )
}

/**
 * @param {string} message
 * @returns {never}
 */
function refuse(message) {
  console.error(message)
  process.exit(2)
}
