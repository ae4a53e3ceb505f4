import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const invoices = fileURLToPath(new URL('../data/invoices.csv', import.meta.url))
const patienceMs = 240_000

let directory = ''
let running: ChildProcess | undefined

beforeEach(() => {
  if (!existsSync(program)) throw new Error('examples/retail is not built; run npm run build first.')
  directory = mkdtempSync(join(tmpdir(), 'retail-'))
})
afterEach(() => {
  running?.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
})

interface Run {
  readonly child: ChildProcess
  output(): string
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>
}

function run(...words: string[]): Run {
  const child = spawn(process.execPath, [program, '--data', join(directory, 'data'), ...words])
  running = child
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = new Promise<number | string | null>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal)),
  )
  return { child, output: () => output, ended }
}

function childrenOf(pid: number | undefined): readonly number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  return lines
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (child !== undefined && parent === pid ? [child] : []))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('500 orders with all faults arrive everywhere, once, to the penny', { timeout: patienceMs }, async () => {
  const { output, ended } = run('--once', '--orders', '500')
  expect(await ended, output()).toBe(0)
  const text = output()
  expect(text.match(/marketing killed \(SIGKILL\)/g)).toHaveLength(8)
  expect(text.match(/server killed \(SIGKILL\)/g)).toHaveLength(3)
  expect(text.match(/mail failing for 3 s/g)).toHaveLength(2)
  expect(text).toMatch(/[1-9]\d* requests said twice/)
  expect(text).toMatch(/[1-9]\d* deliveries said twice/)
  expect(text).toMatch(/orders lost +\d+ +0\n/)
  expect(text).toMatch(/emails sent twice +[1-9]\d* +0 /)
  expect(text).toMatch(/revenue difference +£[\d,.]+ +£0\.00\n/)
  expect(text).toMatch(/marketing\.customer = crm\.customer +375 \/ 375 rows equal/)
  expect(text).toMatch(/analytics\.customer = crm\.customer +375 \/ 375 rows equal/)
  expect(text).toMatch(/analytics revenue = the file +£183,351\.14, every month to the penny/)
  expect(text).toMatch(/one email for each order +500 \/ 500 rows equal/)
  expect(text).toMatch(/dead letters +0\n/)
  expect(text).not.toContain('DIFFERS')
})

test('it leaves no process behind when it is killed itself', { timeout: patienceMs }, async () => {
  const { child, output, ended } = run('--orders', '500')
  while (!/through Tidings\.\n.*orders/s.test(output()) && child.exitCode === null) await pause(20)
  const children = childrenOf(child.pid)
  expect(children.length, output()).toBeGreaterThanOrEqual(5)
  child.kill('SIGKILL')
  expect(await ended).toBe('SIGKILL')
  while (children.some((pid) => isAlive(pid))) await pause(20)
})

test('a row that does not parse ends it before anything has begun', { timeout: patienceMs }, async () => {
  const path = join(directory, 'orders.csv')
  const rows = readFileSync(invoices, 'utf8').split('\n')
  writeFileSync(path, rows.with(699, '536999,2010-12-06,17850,12;5').join('\n'))
  const { output, ended } = run('--once', '--invoices', path)
  expect(await ended).toBe(2)
  expect(output()).toBe(
    `${path}:700 does not parse: TotalPrice "12;5" is not an amount such as 139.12. Correct the row and start again; no order of this file was taken.\n`,
  )
  expect(existsSync(join(directory, 'data'))).toBe(false)
})

test('two runs do not share a directory', { timeout: patienceMs }, async () => {
  const first = run('--orders', '500')
  while (!existsSync(join(directory, 'data', 'commit-then-post')) && first.child.exitCode === null) await pause(20)
  const second = run('--once', '--orders', '500')
  expect(await second.ended).toBe(2)
  expect(second.output()).toContain(`Process ${first.child.pid} runs in ${join(directory, 'data')}`)
  first.child.kill('SIGINT')
  expect(await first.ended).toBe(130)
})
