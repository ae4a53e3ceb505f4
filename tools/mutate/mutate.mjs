import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mutations } from './mutations.mjs'

/**
 * `npm run mutate`, or `npm run mutate -- <words of a promise>`: takes out one guarding line after the other, in a copy
 * of the repository, and runs the tests that must notice. Ends with a count, and with 1 if a mutation survived.
 */
const root = join(import.meta.dirname, '../..')
const library = 'packages/tidings/src'
const longestRunMs = 300_000

/** A copy of the sources beside the dependencies of the original. */
function copyRepository() {
  const copy = mkdtempSync(join(tmpdir(), 'tidings-mutate-'))
  const left = new Set(['.git', 'node_modules', 'dist', '.data'])
  for (const name of readdirSync(root)) {
    if (left.has(name)) continue
    cpSync(join(root, name), join(copy, name), {
      recursive: true,
      filter: (source) => !/[/\\](node_modules|dist)$/.test(source) && !source.endsWith('.tsbuildinfo'),
    })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/**
 * @param {string} copy
 * @param {import('./mutations.mjs').Mutation} mutation
 * @returns {'killed' | 'survived' | 'stale'}
 */
function run(copy, { file, from, to, tests }) {
  const path = join(copy, library, file)
  const original = readFileSync(path, 'utf8')
  if (original.split(from).length !== 2 || tests.some((test) => !existsSync(join(copy, library, test)))) return 'stale'
  writeFileSync(
    path,
    original.replace(from, () => to),
  )
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const files = tests.map((test) => join(library, test))
    const { status } = spawnSync(process.execPath, [vitest, 'run', '--bail', '1', ...files], {
      cwd: copy,
      encoding: 'utf8',
      timeout: longestRunMs,
    })
    return status === 0 ? 'survived' : 'killed'
  } finally {
    writeFileSync(path, original)
  }
}

const words = process.argv.slice(2).join(' ').toLowerCase()
const chosen = mutations.filter(({ promise, file }) => `${promise} ${file}`.toLowerCase().includes(words))
const copy = copyRepository()
const counts = { killed: 0, survived: 0, stale: 0 }
try {
  for (const mutation of chosen) {
    const result = run(copy, mutation)
    counts[result]++
    console.log(`${result.padEnd(8)}  ${mutation.promise}  (${mutation.file})`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${counts.killed} killed, ${counts.survived} survived, ${counts.stale} stale`)
process.exitCode = counts.survived + counts.stale > 0 || chosen.length === 0 ? 1 : 0
