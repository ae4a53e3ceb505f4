import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  postgresPrograms,
  runPostgres,
  startPostgres,
  stopPostgres,
  type RunningPostgres,
} from '@tidings/tools/postgres'
import type { TestContext } from 'vitest'

/** A PostgreSQL server that is a test's own to stop, to set and to damage. */
export interface Cluster {
  readonly url: string
  stop(): Promise<void>
  /** Starts it again, on the port that it had. */
  run(...settings: string[]): Promise<void>
  /** Keeps its files as they are; the answered function puts them back. It must not run for either. */
  backup(): Promise<() => Promise<void>>
  readonly data: string
}

export async function ownCluster(context: TestContext, ...settings: string[]): Promise<Cluster> {
  const binaries = postgresPrograms(context)
  const folder = await mkdtemp(join(tmpdir(), 'tidings-capture-'))
  await chmod(folder, 0o755)
  const cluster = join(folder, 'cluster')
  let server: RunningPostgres = await startPostgres(binaries, cluster)
  const { url } = server
  const data = join(cluster, 'data')
  let runs = true
  const stop = async (): Promise<void> => {
    if (runs) await stopPostgres(server)
    runs = false
  }
  const run = async (...present: string[]): Promise<void> => {
    server = await runPostgres({ binaries, folder: cluster, port: Number(new URL(url).port), settings: present })
    runs = true
  }
  context.onTestFinished(async () => {
    await stop()
    await rm(folder, { recursive: true })
  })
  if (settings.length > 0) {
    await stop()
    await run(...settings)
  }
  return {
    url,
    data,
    stop,
    run,
    async backup() {
      const copy = join(folder, 'backup')
      await copyFolder(data, copy)
      return async () => {
        await rm(data, { recursive: true })
        await copyFolder(copy, data)
      }
    },
  }
}

/** With its owners, without which PostgreSQL does not start. */
async function copyFolder(from: string, to: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', from, to])
}
