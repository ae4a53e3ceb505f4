import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { anonymousBytesOf, cpuSecondsOf, cpuSecondsWhile, usageOf } from './usage.ts'

it('reads the time of a process and of the children it has waited for, whatever its name is', () => {
  const rest = 'S 1 2 3 0 -1 4194560 1 2 3 4 100 50 20 30 20 0 1 0 100'
  expect(cpuSecondsOf(`42 (node) ${rest}`)).toBe(2)
  expect(cpuSecondsOf(`42 (a) b) (c) ${rest}`)).toBe(2)
})

it('reads the memory that is not of files', () => {
  expect(anonymousBytesOf('VmRSS:\t 300 kB\nRssAnon:\t     200 kB\nRssFile:\t 100 kB\n')).toBe(204_800)
  expect(anonymousBytesOf('')).toBe(0)
})

it('counts what a grandchild works and holds', async () => {
  const busy = `
    const held = Buffer.alloc(50_000_000, 1)
    for (const start = process.cpuUsage(); process.cpuUsage(start).user < 150_000;);
    console.log(held.length)
    process.stdin.resume()`
  const parent = `
    const { spawn } = require('node:child_process')
    spawn(process.execPath, ['-e', ${JSON.stringify(busy)}], { stdio: 'inherit' })`
  const child = spawn(process.execPath, ['-e', parent], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const { cpuSeconds, anonymousBytes } = usageOf([child.pid!])
  const twice = usageOf([child.pid!, child.pid!])
  child.stdin.end()
  await once(child, 'exit')
  expect(cpuSeconds).toBeGreaterThanOrEqual(0.15)
  expect(anonymousBytes).toBeGreaterThan(50_000_000)
  expect(twice.anonymousBytes).toBeLessThan(1.5 * anonymousBytes)
  expect(usageOf([child.pid!])).toEqual({ cpuSeconds: 0, anonymousBytes: 0 })
})

it('counts what the caller itself works, the load generator', async () => {
  const { result, cpuSeconds } = await cpuSecondsWhile([], async () => {
    for (const start = process.cpuUsage(); process.cpuUsage(start).user < 200_000;);
    return 'done'
  })
  expect(result).toBe('done')
  expect(cpuSeconds).toBeGreaterThanOrEqual(0.19)
})
