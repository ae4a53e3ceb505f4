import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mutations } from './mutations.mjs'

/**
 * `npm run mutate`, or `npm run mutate -- "<words of a promise>" <file> …`: takes out one guarding line after the other, in a copy
 * of the repository, and runs the tests that must notice. Ends with a count, and with 1 if a mutation survived, or if a
 * test was red before anything was taken out, which would prove nothing.
 */
const root = join(import.meta.dirname, '../..')
/** A mutation may make a test wait for ever; that is a kill, too. */
const longestRunMs = 300_000
/** The first red test is enough, and a slow machine makes none red. */
const patience = ['--bail', '1', '--testTimeout', '60000']

/** A copy of the sources beside the dependencies of the original, built for the tests that start programs. */
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
  linkModules('node_modules', copy)
  linkModules('packages/cli/node_modules', copy)
  build(copy)
  return copy
}

/** @param {string} copy */
function build(copy) {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  spawnSync(process.execPath, [compiler, '-b', 'tsconfig.build.json'], { cwd: copy })
}

/**
 * Links each dependency of a folder, and copies the links that lead to the packages of this repository: they are
 * relative, so that in the copy they lead to those of the copy, with what was taken out of them.
 *
 * @param {string} folder
 * @param {string} copy
 */
function linkModules(folder, copy) {
  if (!existsSync(join(root, folder))) return
  mkdirSync(join(copy, folder))
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(join(root, path)), join(copy, path))
    else if (entry.name === '@tidings') linkModules(path, copy)
    else symlinkSync(join(root, path), join(copy, path))
  }
}

/**
 * @param {string} copy
 * @param {readonly string[]} tests
 * @param {readonly string[]} options
 * @param {number | undefined} timeout Milliseconds; `undefined` waits for the end.
 * @returns {{ readonly green: boolean, readonly said: string }}
 */
function test(copy, tests, options = [], timeout = longestRunMs) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, 'run', ...patience, ...options, ...tests], {
    cwd: copy,
    encoding: 'utf8',
    timeout,
  })
  return { green: status === 0, said: stdout + stderr }
}

/**
 * @param {string} copy
 * @param {import('./mutations.mjs').Mutation} mutation
 * @returns {{ readonly result: 'killed' | 'survived' | 'stale', readonly by?: string }}
 */
function run(copy, { file, from, to, tests, name, programs = false }) {
  const path = join(copy, file)
  const original = readFileSync(path, 'utf8')
  if (original.split(from).length !== 2 || tests.some((each) => !existsSync(join(copy, each))))
    return { result: 'stale' }
  writeFileSync(
    path,
    original.replace(from, () => to),
  )
  try {
    if (programs) build(copy)
    const { green, said } = test(copy, tests, name === undefined ? [] : ['-t', name])
    return green ? { result: 'survived' } : { result: 'killed', by: firstRed(said) }
  } finally {
    writeFileSync(path, original)
    if (programs) build(copy)
  }
}

/**
 * The name of the first red test in what vitest said.
 *
 * @param {string} said
 */
function firstRed(said) {
  // oxlint-disable-next-line no-control-regex -- colours
  const plain = said.replaceAll(/\u001B\[[\d;]*m/g, '')
  return /^ FAIL +(.+)$/m.exec(plain)?.[1] ?? 'no test: the run itself failed, or took too long'
}

/**
 * A test that is red anyway proves nothing; what it says of itself otherwise.
 *
 * @param {string} copy
 * @param {readonly import('./mutations.mjs').Mutation[]} chosen
 * @returns {string | undefined}
 */
function redBefore(copy, chosen) {
  const named = chosen.flatMap(({ name, tests }) => (name === undefined ? [] : [{ name, tests }]))
  const whole = chosen.filter(({ name }) => name === undefined)
  const names = [...new Set(named.map(({ name }) => name))]
  for (const [part, options] of /** @type {const} */ ([
    [whole, []],
    [named, ['-t', names.join('|')]],
  ])) {
    const tests = [...new Set(part.flatMap((mutation) => mutation.tests))].filter((each) =>
      existsSync(join(copy, each)),
    )
    if (tests.length === 0) continue
    const { green, said } = test(copy, tests, options, undefined)
    if (!green) return said
  }
  return undefined
}

const wanted = process.argv.slice(2).map((words) => words.toLowerCase())
const chosen = mutations.filter(({ promise, file }) => {
  const text = `${promise} ${file}`.toLowerCase()
  return wanted.length === 0 || wanted.some((words) => text.includes(words))
})
const copy = copyRepository()
const counts = { killed: 0, survived: 0, stale: 0 }
let red = false
try {
  const said = redBefore(copy, chosen)
  red = said !== undefined
  if (red) console.log(`${said}\nA test is red though nothing was taken out; make it green first.`)
  for (const mutation of red ? [] : chosen) {
    const { result, by } = run(copy, mutation)
    counts[result]++
    const killer = by === undefined ? '' : `\n          by ${by}`
    console.log(`${result.padEnd(8)}  ${mutation.promise}  (${mutation.file})${killer}`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${counts.killed} killed, ${counts.survived} survived, ${counts.stale} stale`)
process.exitCode = red || counts.survived + counts.stale > 0 || chosen.length === 0 ? 1 : 0
