import type { TestContext } from 'vitest'
import { postgresEngine } from '../engines/postgres/index.ts'
import { postgresBench } from '../engines/postgres/postgres.fixture.ts'
import type { TestStore } from './move.fixture.ts'

/** A store in a database of its own. */
export async function postgresStore(context: TestContext): Promise<TestStore & { readonly url: string }> {
  const { url, poolOf } = await postgresBench(context)
  return { url, place: new URL(url).pathname, open: (settings) => postgresEngine({ pool: poolOf(), ...settings }) }
}
