import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { missingProgram } from '../systems/program.ts'
import { startInspected } from './inspected.ts'

/** Why system calls cannot be counted here. */
export function missingStrace(): string | undefined {
  return missingProgram('strace', 'apt-get install strace')
}

/** How often a system asks the disk to have what it wrote (fsync, fdatasync) while it takes so many messages, one by one. */
export async function countSyncs(system: string, folder: string, messages: number): Promise<number> {
  const inspected = await startInspected(system, folder, { acknowledged: () => undefined, saw: () => undefined })
  try {
    const report = join(folder, 'strace')
    const pids = inspected.pids()
    const calls = 'fsync,fdatasync'
    const words = ['-f', '-c', '-U', 'calls,name', '-o', report, '-e', `trace=${calls}`]
    const strace = spawn('strace', [...words, ...pids.flatMap((pid) => ['-p', String(pid)])], { stdio: 'ignore' })
    const ended = once(strace, 'exit')
    while (!pids.every(isTraced)) await new Promise((resolve) => setTimeout(resolve, 20))
    await inspected.tell({ publish: { from: 0, count: messages, window: 1 } })
    strace.kill('SIGINT')
    await ended
    return syncsIn(await readFile(report, 'utf8'))
  } finally {
    await inspected.kill()
  }
}

/** Every thread of it, or it has ended. */
function isTraced(pid: number): boolean {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) return true
  return readdirSync(tasks).every((task) => !/^TracerPid:\s+0$/m.test(statusOf(`${tasks}/${task}/status`)))
}

function statusOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The sum over lines such as `1003 fdatasync`. */
export function syncsIn(report: string): number {
  return [...report.matchAll(/^\s*(\d+)\s+f(?:data)?sync\s*$/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0)
}
