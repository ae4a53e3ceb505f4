import { quoted, type ReplicationClient } from '../capture/client.ts'
import { openReplication } from '../capture/connection.ts'
import { formatLsn, parseLsn, type Lsn } from '../capture/lsn.ts'
import { change, read, type Session } from '../capture/session.ts'
import { formOfTable, insertRows } from './apply.ts'
import { actAsFollower } from './guard.ts'
import { dropLog, inStateAlone, publishLog } from './log.ts'
import { emptyTables } from './empty.ts'
import { tablesOf, type Parts } from './parts.ts'
import { lockSide, type Sides } from './side.ts'
import type { TablePair } from './tables.ts'

export interface FillOptions extends Parts {
  readonly pairs: readonly TablePair[]
  readonly signal: AbortSignal
  readonly onRows: (rows: number) => void
}

const firstRows = 200
const mostRows = 5_000
const mostBytes = 4 * 1_048_576

/**
 * Fills the new tables with the old ones as they are at one place of the log, at which a slot is created, and goes over to
 * `following` from there. One snapshot of all tables, so that what follows applies to exactly these rows: with foreign
 * keys, long values and all. For that the old database holds a snapshot as long as it takes, and a fill that is
 * interrupted begins again, from a snapshot of its own.
 */
export async function fill(options: FillOptions): Promise<void> {
  const { sides, store, signal, pairs } = options
  const token = await empty(options)
  const client = sides.old.replication()
  client.on('error', () => undefined)
  try {
    const slot = await createSlot(options, client)
    const position = parseLsn(slot.consistent_point)
    await read(sides.old.pool, async (session) => {
      await session.rows(`set transaction snapshot '${slot.snapshot_name}'`)
      for (const pair of pairs) await copyTable(session, { ...options, token }, pair)
    })
    signal.throwIfAborted()
    await change(sides.new.pool, async (session) => {
      await store.move(session, { from: ['filling'], to: 'following' })
      await requireGuard(session, sides, token)
      await session.rows('update tidings.extraction_side set position = $3 where name = $1 and role = $2', [
        sides.new.name,
        'new',
        formatLsn(position satisfies Lsn),
      ])
    })
  } finally {
    await client.end().catch(() => undefined)
  }
}

interface CreatedSlot {
  readonly consistent_point: string
  /** The rows as they are at that point; lasts as long as the connection does nothing else. */
  readonly snapshot_name: string
}

async function createSlot(options: FillOptions, client: ReplicationClient): Promise<CreatedSlot> {
  const { sides, pairs } = options
  let slot: CreatedSlot | undefined
  await inStateAlone(options, 'filling', async () => {
    await dropLog(sides.old)
    await publishLog(sides.old, tablesOf(pairs, 'old'))
    await openReplication(client)
    const { rows } = await client.query(
      `CREATE_REPLICATION_SLOT ${quoted(sides.old.slot)} LOGICAL pgoutput EXPORT_SNAPSHOT`,
    )
    slot = rows[0] as CreatedSlot
  })
  if (!slot) throw new Error('The extraction is no longer being filled.')
  return slot
}

/** Takes what an earlier fill has left, under a new token, so that it leaves nothing more. */
async function empty({ sides, pairs, environment }: FillOptions): Promise<string> {
  const tables = pairs.map((pair) => pair.new.name)
  const token = environment.ids.next()
  await change(sides.new.pool, async (session) => {
    const { guard } = await lockSide(session, sides.new)
    if (guard === undefined) throw new Error('The new tables are not guarded, so they are not filled.')
    await session.rows('update tidings.extraction_side set guard = $3, position = null where name = $1 and role = $2', [
      sides.new.name,
      'new',
      token,
    ])
    await actAsFollower(session, sides.new)
    await emptyTables(session, tables)
  })
  return token
}

async function copyTable(
  source: Session,
  options: FillOptions & { readonly token: string },
  pair: TablePair,
): Promise<void> {
  const { sides, signal, onRows, token } = options
  const columns = pair.old.shape.map(({ name }) => name)
  const form = formOfTable(pair.new, columns)
  const selected = columns.map(quoted).join(', ')
  await source.rows(`declare filling no scroll cursor for select ${selected} from ${pair.old.name}`)
  for (let limit = firstRows; ;) {
    signal.throwIfAborted()
    const rows = await source.rows(`fetch ${limit} from filling`)
    if (rows.length === 0) break
    await change(sides.new.pool, async (session) => {
      await requireGuard(session, sides, token)
      await actAsFollower(session, sides.new)
      await insertRows(session, form, rows)
    })
    onRows(rows.length)
    const bytes = rows.reduce((sum, row) => sum + row.reduce((all, text) => all + (text?.length ?? 0), 0), 0)
    limit = Math.max(1, Math.min(mostRows, Math.floor((mostBytes * rows.length) / (bytes + 1))))
  }
  await source.rows('close filling')
}

/** Another process may have begun to fill them anew. */
async function requireGuard(session: Session, sides: Sides, token: string): Promise<void> {
  const { guard } = await lockSide(session, sides.new)
  if (guard !== token) throw new Error('Another process fills the new tables.')
}
