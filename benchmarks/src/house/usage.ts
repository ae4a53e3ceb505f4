import { readFileSync, readdirSync } from 'node:fs'

/** What processes took of the machine. */
export interface Usage {
  /** User and system time of the processes and of their children, those that have ended included. */
  readonly cpuSeconds: number
  /** Memory that is theirs alone (RssAnon), without pages of files. */
  readonly anonymousBytes: number
}

/** Linux counts the time of processes in hundredths of a second. */
const ticksPerSecond = 100

/** Of these processes and everything below them, each counted once. Zero of one that has ended. */
export function usageOf(pids: readonly number[]): Usage {
  let cpuSeconds = 0
  let anonymousBytes = 0
  for (const pid of treeOf(pids)) {
    cpuSeconds += cpuSecondsOf(readProcess(pid, 'stat'))
    anonymousBytes += anonymousBytesOf(readProcess(pid, 'status'))
  }
  return { cpuSeconds, anonymousBytes }
}

/** CPU seconds of the caller and of the given processes while `work` ran: the whole box, load generator included. */
export async function cpuSecondsWhile<Result>(
  pids: readonly number[],
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly cpuSeconds: number }> {
  const before = usageOf([process.pid, ...pids]).cpuSeconds
  const result = await work()
  return { result, cpuSeconds: usageOf([process.pid, ...pids]).cpuSeconds - before }
}

/** From `/proc/<pid>/stat`: its own time and that of the children it has waited for (proc(5): fields 14 to 17). */
export function cpuSecondsOf(stat: string): number {
  const fields = afterName(stat)
  const ticks = fields.slice(11, 15).map(Number)
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond
}

/** From `/proc/<pid>/status`. */
export function anonymousBytesOf(status: string): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024
}

/** These processes and everything below them. */
export function treeOf(roots: readonly number[]): ReadonlySet<number> {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(afterName(readProcess(Number(name), 'stat'))[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const tree = new Set<number>()
  const add = (pid: number): void => {
    if (tree.has(pid)) return
    tree.add(pid)
    for (const child of children.get(pid) ?? []) add(child)
  }
  for (const root of roots) add(root)
  return tree
}

/** The fields from the third on: a name in parentheses is the second, and may hold anything. */
function afterName(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** Empty where the process has ended meanwhile. */
function readProcess(pid: number, file: 'stat' | 'status'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
