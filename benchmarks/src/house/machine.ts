import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { cpus, release, tmpdir, totalmem, type as systemName } from 'node:os'

/** What it was measured on; no names of hosts or folders. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryBytes: number
  /** Of the temporary folder, in which everything is stored. */
  readonly disk: { readonly fileSystem: string; readonly freeBytes: number }
  readonly kernel: string
  readonly node: string
  /** Files and sockets that one process may have open. */
  readonly descriptors: string
}

export async function describeMachine(): Promise<Machine> {
  const { bavail, bsize } = await statfs(tmpdir())
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    disk: { fileSystem: fileSystemOf(tmpdir()), freeBytes: bavail * bsize },
    kernel: `${systemName()} ${release()}`,
    node: process.version,
    descriptors: descriptors(),
  }
}

/** As much as `ulimit -n` says. */
export function descriptors(): string {
  return execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
}

/** The type of what is mounted nearest above a path. */
function fileSystemOf(path: string): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, at]) => at !== undefined && (at === '/' || path === at || path.startsWith(`${at}/`)))
    .sort(([, left = ''], [, right = '']) => right.length - left.length)
  return mounts[0]?.[2] ?? 'unknown'
}
