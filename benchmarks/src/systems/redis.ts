import { join } from 'node:path'
import { freePort, missingProgram, startProgram, type RunningProgram } from './program.ts'

/** When Redis has its log on the disk: `always` before it answers, `everysec` within a second. */
export type AppendFsync = 'always' | 'everysec'

export async function missingRedis(): Promise<string | undefined> {
  return missingProgram('redis-server', 'apt-get install redis-server')
}

/** A Redis of one system's own that logs every write, and takes no snapshots beside that. */
export async function startRedis(
  folder: string,
  appendFsync: AppendFsync,
): Promise<RunningProgram & { readonly port: number }> {
  const port = await freePort()
  const options = { bind: '127.0.0.1', port, dir: folder, appendonly: 'yes', appendfsync: appendFsync, save: '' }
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const log = join(folder, 'redis.log')
  const program = await startProgram({ command: 'redis-server', words, log, port })
  return { ...program, port }
}
