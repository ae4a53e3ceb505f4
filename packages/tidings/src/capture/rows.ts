import { codeOf, quoted, type CapturePool } from './client.ts'
import type { Tuple } from './pgoutput.ts'
import { read, type Session } from './session.ts'
import { Snapshot } from './snapshot.ts'
import { selection, type CapturedTable } from './table.ts'

/** Whoever waits for a table that somebody alters cannot be stopped; better to look again. */
const lockTimeout = "set local lock_timeout = '500ms'"
const lockNotAvailable = '55P03'

/** What is read, or `undefined` while somebody else has locked the table. */
async function unlessLocked<Result>(
  pool: CapturePool,
  work: (session: Session) => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await read(pool, async (session) => {
      await session.rows(lockTimeout)
      return work(session)
    })
  } catch (error) {
    if (codeOf(error) === lockNotAvailable) return undefined
    throw error
  }
}

/**
 * The present rows of these keys (each the texts of its columns), or `undefined` while the transaction whose changes
 * are asked for is in the log but not yet visible, or the table is locked.
 */
export async function readRows(
  pool: CapturePool,
  table: CapturedTable,
  { keys, xid }: { readonly keys: readonly (readonly string[])[]; readonly xid: number },
): Promise<readonly Tuple[] | undefined> {
  const places = table.key.map((_, place) => place)
  const wanted = places.map((place) => `$${place + 1}::text[]`).join(', ')
  const names = places.map((place) => `part${place}`).join(', ')
  const equal = table.key.map(({ name, typeName }, place) => `r.${quoted(name)} = w.part${place}::${typeName}`)
  return unlessLocked(pool, async (session) => {
    const [row] = await session.rows('select pg_current_snapshot()::text')
    if (!new Snapshot(row![0]!).sees(xid)) return undefined
    return session.rows(
      `select ${selection(table, 'r')} from unnest(${wanted}) as w (${names}) join ${table.name} r on ${equal.join(' and ')}`,
      places.map((place) => keys.map((texts) => texts[place])),
    )
  })
}

/**
 * The rows after a key, in the order of the keys, at most `limit`; or `undefined` while a transaction is open that is
 * older than `horizon`, or the table is locked.
 */
export async function readChunk(
  pool: CapturePool,
  table: CapturedTable,
  options: { readonly after: readonly string[] | undefined; readonly limit: number; readonly horizon: string },
): Promise<readonly Tuple[] | undefined> {
  const { after, limit, horizon } = options
  const key = table.key.map(({ name }) => `r.${quoted(name)}`).join(', ')
  const values = table.key.map(({ typeName }, place) => `$${place + 1}::text::${typeName}`).join(', ')
  const condition = after ? `where (${key}) > (${values})` : ''
  return unlessLocked(pool, async (session) => {
    const [row] = await session.rows('select pg_current_snapshot()::text')
    if (!new Snapshot(row![0]!).isAfter(horizon)) return undefined
    return session.rows(
      `select ${selection(table, 'r')} from ${table.name} r ${condition} order by ${key} limit ${limit}`,
      after ?? [],
    )
  })
}
