import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
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
import { parseArgs } from 'node:util'
import { mutations } from './mutations.mjs'

/**
 * `npm run mutate`, or `npm run mutate -- [--jobs 2] "<words of a promise>" <file> …`: takes out one guarding line after
 * the other, in a copy of the repository, and runs the tests that must notice; with `--jobs`, in so many copies side by
 * side. Ends with a count, and with 1 if a mutation survived, or if a test was red before anything was taken out, which
 * would prove nothing.
 */
const root = join(import.meta.dirname, '../..')
/** A mutation may make a test wait for ever; that is a kill, too. */
const longestRunMs = 300_000
/** The first red test is enough, and a slow machine makes none red. */
const patience = ['--bail', '1', '--testTimeout', '60000']

/**
 * Everything that is to go at the end: copies of the repository, and what tests left in the folder for temporary files.
 *
 * @type {Set<string>}
 */
const folders = new Set()
/**
 * The processes that run tests, each the first of its group.
 *
 * @type {Set<import('node:child_process').ChildProcess>}
 */
const running = new Set()

/** A folder that the tests' PostgreSQL, which is no superuser, can reach as well. */
function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-mutate-'))
  chmodSync(folder, 0o755)
  folders.add(folder)
  return folder
}

/** A copy of the sources beside the dependencies of the original, built for the tests that start programs. */
function copyRepository() {
  const copy = makeFolder()
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
 * Runs tests in a process group of their own, so that a worker that never ends and programs that were left behind go
 * with it, and with a folder of their own for temporary files.
 *
 * @param {string} copy
 * @param {readonly string[]} tests
 * @param {readonly string[]} options
 * @param {number} [limitMs] Absent, it waits for the end.
 * @returns {Promise<{ readonly green: boolean, readonly said: string }>}
 */
function test(copy, tests, options, limitMs) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const temporary = makeFolder()
  const child = spawn(process.execPath, [vitest, 'run', ...patience, ...options, ...tests], {
    cwd: copy,
    detached: true,
    env: { ...process.env, TMPDIR: temporary },
  })
  running.add(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text))
  const end = () => {
    endGroup(child)
    endPostgres(temporary)
  }
  const timer = limitMs === undefined ? undefined : setTimeout(end, limitMs)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', end)
    child.on('close', (status) => {
      clearTimeout(timer)
      running.delete(child)
      remove(temporary)
      resolve({ green: status === 0, said })
    })
  })
}

/** @param {import('node:child_process').ChildProcess} child */
function endGroup({ pid }) {
  if (pid !== undefined) signal(-pid, 'SIGKILL')
}

/**
 * Ends the server that tests had started outside their group and could not end themselves.
 *
 * @param {string} temporary
 */
function endPostgres(temporary) {
  for (const name of readdirSync(temporary)) {
    const found = join(temporary, name, 'server.json')
    if (!name.startsWith('tidings-postgres-') || !existsSync(found)) continue
    const { pid, container } = JSON.parse(readFileSync(found, 'utf8'))
    if (pid !== undefined) signal(pid, 'SIGQUIT')
    if (container !== undefined) spawnSync('docker', ['rm', '--force', '--volumes', container])
  }
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} name
 */
function signal(pid, name) {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended on its own.
  }
}

/** @param {string} folder */
function remove(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  folders.delete(folder)
}

/**
 * @param {string} copy
 * @param {import('./mutations.mjs').Mutation} mutation
 * @returns {Promise<{ readonly result: 'killed' | 'survived' | 'stale', readonly by?: string }>}
 */
async function run(copy, { file, from, to, tests, name, programs = false }) {
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
    const { green, said } = await test(copy, tests, name === undefined ? [] : ['-t', name], longestRunMs)
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
 * @returns {Promise<string | undefined>}
 */
async function redBefore(copy, chosen) {
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
    const { green, said } = await test(copy, tests, options)
    if (!green) return said
  }
  return undefined
}

/**
 * Takes one mutation after the other off the list and tells its result, until none is left.
 *
 * @param {string} copy
 */
async function runRest(copy) {
  for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
    const { result, by } = await run(copy, mutation)
    counts[result]++
    const killer = by === undefined ? '' : `\n          by ${by}`
    console.log(`${result.padEnd(8)}  ${mutation.promise}  (${mutation.file})${killer}`)
  }
}

process.on('exit', () => {
  for (const child of running) endGroup(child)
  for (const folder of folders) {
    endPostgres(folder)
    remove(folder)
  }
})
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(1))

const { values, positionals } = parseArgs({
  options: { jobs: { type: 'string', default: '1' } },
  allowPositionals: true,
})
const jobs = Number(values.jobs)
if (!(Number.isInteger(jobs) && jobs > 0)) {
  console.error(`--jobs must be a whole number above 0; it was ${values.jobs}.`)
  process.exit(2)
}
const wanted = positionals.map((words) => words.toLowerCase())
const chosen = mutations.filter(({ promise, file }) => {
  const text = `${promise} ${file}`.toLowerCase()
  return wanted.length === 0 || wanted.some((words) => text.includes(words))
})
const waiting = [...chosen]
const counts = { killed: 0, survived: 0, stale: 0 }
const first = copyRepository()
const red = await redBefore(first, chosen)
if (red === undefined) await Promise.all([first, ...Array.from({ length: jobs - 1 }, copyRepository)].map(runRest))
else console.log(`${red}\nA test is red though nothing was taken out; make it green first.`)
console.log(`${counts.killed} killed, ${counts.survived} survived, ${counts.stale} stale`)
process.exitCode = counts.killed === chosen.length && chosen.length > 0 ? 0 : 1
