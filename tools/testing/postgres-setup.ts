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

/** Where the server of this run is. */
let folder: string

/** Begins every run of the tests: says where the server is that one of them may start. */
export async function setup(project: TestProject): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'tidings-postgres-'))
  await chmod(folder, 0o755)
  project.provide('postgresFolder', folder)
}

/** Ends every run of the tests, and that server with it. */
export async function teardown(): Promise<void> {
  const found = join(folder, 'server.json')
  if (existsSync(found)) await stopPostgres(JSON.parse(await readFile(found, 'utf8')) as RunningPostgres)
  await rm(folder, { recursive: true, force: true })
}
