import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { stopPostgres, type RunningPostgres } from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the PostgreSQL server that all tests of a run share is, once one of them needed it. */
    postgresFolder: string
  }
}

/**
 * Begins every run of the tests, of each project for itself: says where the server is that one of them may start. What it
 * answers ends the run, and that server with it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'tidings-postgres-'))
  await chmod(folder, 0o755)
  project.provide('postgresFolder', folder)
  return async () => {
    const found = join(folder, 'server.json')
    if (existsSync(found)) await stopPostgres(JSON.parse(await readFile(found, 'utf8')) as RunningPostgres)
    await rm(folder, { recursive: true, force: true })
  }
}
