import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { WriterProcess } from './case.ts'

/** Runs a script that opens a store as its arguments say and prints each pair that it has committed. */
export function startWriter(script: string, names: readonly string[]): WriterProcess {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, ...names], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pairs: number[] = []
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const watchers = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    pairs.push(Number(line))
    for (const watcher of watchers) watcher()
  })
  return {
    reported: (count) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (pairs.length >= count) resolve()
        }
        watchers.add(check)
        void ended.then(() => reject(new Error('the writer ended by itself; is the package built?')))
        check()
      }),
    async kill() {
      child.kill('SIGKILL')
      await ended
      return pairs
    },
  }
}
