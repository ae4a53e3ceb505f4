import type { Database } from '../database/index.ts'
import { dropBuild, loadBuildsOfTable } from './build.ts'

/**
 * Takes a copy that stands in a table of this database away, with everything that the kit keeps for it; no service may be
 * running it. Its subscription at the broker stays. Answers whether there was one.
 */
export async function removeCopy(options: { readonly database: Database; readonly table: string }): Promise<boolean> {
  const { database, table } = options
  const builds = await loadBuildsOfTable(database, table)
  for (const build of builds) await dropBuild(database, build)
  return builds.length > 0
}
