import { execFileSync, spawn, type ChildProcess, type SpawnOptionsWithoutStdio } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Libsql from 'libsql'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { findPython } from './tidings/python.ts'

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
  return runWith({}, ...words)
}

function runWith(options: SpawnOptionsWithoutStdio, ...words: string[]): Run {
  const child = spawn(process.execPath, [program, '--data', join(directory, 'data'), ...words], options)
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

/** An environment in which nobody finds Python. */
function withoutPython(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: directory }
}

function read(team: string, query: string): unknown[] {
  const database = new Libsql(join(directory, 'data', 'tidings', `${team}.db`), { readonly: true, timeout: 5000 })
  try {
    return database.prepare(query).all()
  } finally {
    database.close()
  }
}

function sabotage(team: string, statement: string): void {
  const database = new Libsql(join(directory, 'data', 'tidings', `${team}.db`), { timeout: 5000 })
  database.exec(statement)
  database.close()
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
  expect(text).toMatch(/this disk: [1-9][\d,]* durable commits\/s/)
  expect(text).toMatch(/durable commits of the four teams +[1-9][\d,]*, \d+\/s; this disk makes [1-9]/)
  expect(text).toContain(findPython() ? 'standard library only, over plain HTTP' : 'no Python 3')
  expect(text).not.toContain('DIFFERS')
})

test('a run whose databases differ says which rows, and fails', { timeout: patienceMs }, async () => {
  const { child, output, ended } = runWith({ env: withoutPython() }, '--once', '--orders', '40')
  const isOver = (): boolean => child.exitCode !== null
  while (!/ [1-9]\d*\/40 orders/.test(output().split('through Tidings.')[1] ?? '') && !isOver()) await pause(20)
  // As if the teams had a mistake: an email too many, a copy of nobody, a penny too much.
  sabotage('marketing', `insert into emails values ('made-up', 'nobody@example.com')`)
  sabotage('marketing', `update tidings_replica_guard set writable = 1`)
  sabotage('marketing', `insert into crm_customer (id, email, status, tidings_version) values ('0', 'x', 'lost', '0')`)
  sabotage('analytics', `insert into revenue values ('2012-01', 1, 1)`)
  expect(await ended, output()).toBe(1)
  const text = output()
  expect(text.match(/\S.*DIFFERS/g)).toEqual([
    expect.stringContaining('marketing.customer = crm.customer'),
    expect.stringContaining('analytics revenue = the file'),
    expect.stringContaining('one row for each email'),
  ])
  expect(text).toContain('0: only in the copy')
  expect(text).toContain('2012-01: ["2012-01",1,1] instead of nothing')
  expect(text).toContain('made-up: ["made-up","nobody@example.com",1] instead of nothing')
  expect(text).toMatch(/revenue difference +£[\d,.]+ +£0\.01\n/)
  expect(text).toContain('in TypeScript, because this machine has no Python 3')
  expect(text).toMatch(/analytics\.customer = crm\.customer +27 \/ 27 rows equal/)
  expect(text).toMatch(/analytics customer value = the file +27 \/ 27 rows equal/)
})

test(
  'after the report it runs on, brings back whom somebody kills, and ends all with Ctrl-C',
  { timeout: patienceMs },
  async () => {
    const { child, output, ended } = runWith({ detached: true }, '--orders', '40')
    const said = async (what: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const found = what.exec(output())
        if (found) return found
        if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}:\n${output()}`)
        await pause(20)
      }
    }
    await said(/Ctrl-C ends everything/)
    for (const team of ['marketing', 'server', 'crm']) {
      const [, pid] = await said(new RegExp(`kill -9 (\\d+) +# ${team}`))
      process.kill(Number(pid), 'SIGKILL')
      await said(new RegExp(`${team} ended; it is back as process \\d+`))
    }
    const thanked = (): number => read('marketing', 'select * from emails').length
    const orders = read('sales', 'select * from orders').length
    expect(orders).toBeGreaterThan(40)
    while (thanked() <= orders && child.exitCode === null) await pause(50)

    const children = childrenOf(child.pid)
    expect(children).toHaveLength(5)
    // As a terminal does it: the whole group is told at once.
    process.kill(-(child.pid ?? 0), 'SIGINT')
    expect(await ended).toBe(130)
    expect(children.filter((pid) => isAlive(pid))).toEqual([])
  },
)

test('copies that are broken in every way are found, named and mended', { timeout: patienceMs }, async () => {
  const { output, ended } = run('--once', '--sabotage', '--orders', '40')
  expect(await ended, output()).toBe(0)
  const text = output()
  const inPython = [
    ['acknowledged, and its write swallowed', 'analytics', 'effect-missing'],
    ['refused there until it was given up', 'analytics', 'dead-lettered'],
    ['changed once more behind one of those', 'analytics', 'parked'],
    ["refused by the copy's database", 'analytics', 'retrying'],
  ]
  const faults = [
    ...(findPython() ? inPython : []),
    ['older version written into the copy', 'marketing', 'out-of-order'],
    ['address edited in the copy', 'marketing', 'written-locally'],
    ['row deleted in the copy', 'marketing', 'deleted-behind'],
    ['refused by a new schema at the server', 'marketing', 'refused'],
    ['relay cut off from the server', 'marketing', 'not-relayed'],
    ['event taken out of the outbox by SQL', 'marketing', 'never-published'],
    ['address changed by SQL, past the service', 'marketing', 'never-published'],
    ['CRM put back to a database of before', 'marketing', 'restored'],
  ]
  expect(text.match(/^ {10}\S.* {2}2 {5}2 {2}.*$/gm)?.map((line) => line.trim().split(/ {2,}/))).toEqual(
    faults.map(([did, copy, cause]) => [did, copy, '2', '2', cause]),
  )
  expect(text.match(/^ {10}dry run: [1-9]\d* \S.*$/gm)).toHaveLength(2)
  expect(
    text.match(
      /^ {10}repair: {2}(?:[1-9]\d* published again, \d+ redriven|nothing was left to do); compared \d+ times, then equal$/gm,
    ),
  ).toHaveLength(2)
  expect(text).toMatch(/crm\.customer = the file +27 \/ 27 rows equal/)
  expect(text).toMatch(/marketing\.customer = crm\.customer +27 \/ 27 rows equal/)
  expect(text).toMatch(/analytics\.customer = crm\.customer +27 \/ 27 rows equal/)
  expect(text).toMatch(/one email for each order +40 \/ 40 rows equal/)
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
