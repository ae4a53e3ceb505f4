import { codeOf, quoted, type CapturePool } from '../capture/client.ts'
import { parseLsn, type Lsn } from '../capture/lsn.ts'
import { dropSlot, readPublication, readSlot, explainedSlot } from '../capture/server.ts'
import { change, read, run } from '../capture/session.ts'
import type { CapturedTable } from '../capture/table.ts'
import { sleep } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { inTurn } from './locks.ts'
import type { Parts } from './parts.ts'
import { loadSide, type Side } from './side.ts'
import type { State } from './states.ts'

/**
 * Makes the server keep this side's log from here on, unless it does already. That has to wait for every transaction that
 * is open on the server, whatever its database.
 */
export async function keepLog(side: Side, tables: readonly CapturedTable[], signal?: AbortSignal): Promise<void> {
  const slot = await readSlot(side.pool, side.slot)
  const row = await loadSide(side)
  const present = await publicationOf(side, tables)
  if (slot && slot.status !== 'lost' && present !== undefined && present === row?.publication) return
  await dropLog(side)
  await publishLog(side, tables)
  for (let attempt = 1; ; attempt++) {
    try {
      await change(side.pool, async (session) => {
        await session.rows(`set local statement_timeout = ${attemptMs}`)
        await session.rows("select pg_create_logical_replication_slot($1, 'pgoutput')", [side.slot])
      })
      return
    } catch (error) {
      if (codeOf(error) !== cancelled) throw explainedSlot(error)
      signal?.throwIfAborted()
      if (attempt === attempts) {
        throw new TidingsError(
          'database-busy',
          `The server of the ${side.role} database (${side.called}) has transactions that are open for long (see pg_stat_activity), before whose end its log cannot be followed; try again when they are over.`,
          { cause: error },
        )
      }
    }
  }
}

const cancelled = '57014'
const attemptMs = 5_000
const attempts = 4

/** Creates the publication, and writes down what makes it what it is. */
export async function publishLog(side: Side, tables: readonly CapturedTable[]): Promise<void> {
  await run(side.pool, `create publication ${quoted(side.slot)} for table ${tables.map(({ name }) => name).join(', ')}`)
  const mark = await publicationOf(side, tables)
  await run(side.pool, 'update tidings.extraction_side set publication = $3 where name = $1 and role = $2', [
    side.name,
    side.role,
    mark,
  ])
}

/** Lets the server remove its log again. */
export async function dropLog(side: Side): Promise<void> {
  try {
    await dropSlot(side.pool, side.slot)
  } catch (error) {
    if (codeOf(error) !== inUse) throw error
    throw new TidingsError(
      'database-busy',
      `The replication slot ${side.slot} of the ${side.role} database is in use: another process follows it; stop that one, or try again.`,
      { cause: error },
    )
  }
  await run(side.pool, `drop publication if exists ${quoted(side.slot)}`)
}

const inUse = '55006'
const patienceMs = 10_000
const pauseMs = 200

/**
 * Makes or removes logs while nobody else does, if the extraction is in this state, so that none is made that another
 * state has removed. Waits for whoever does, and for whoever follows a log that is to go: who lets go of it when the next
 * look at the state says so.
 */
export async function inStateAlone(parts: Parts, state: State, work: () => Promise<void>): Promise<void> {
  const begun = parts.environment.clock.monotonic()
  for (;;) {
    try {
      const hadTurn = await inTurn(parts, 'log', async () => {
        if ((await parts.store.load())?.state === state) await work()
      })
      if (hadTurn) return
      throw othersTurn()
    } catch (error) {
      const isBusy = error instanceof TidingsError && error.code === 'database-busy'
      if (!isBusy || parts.environment.clock.monotonic() - begun >= patienceMs) throw error
      await sleep(parts.environment, pauseMs)
    }
  }
}

function othersTurn(): TidingsError {
  return new TidingsError(
    'database-busy',
    'Another process makes or removes a replication slot of this extraction, for which a server waits for every transaction that is open for long (see pg_stat_activity); try again when they are over.',
  )
}

/**
 * Why what is after a place in the log cannot be had any more, in words; `undefined` where it can. The place is looked up
 * after the slot: whoever follows writes it down before the slot is told.
 */
export async function lostLog(
  side: Side,
  tables: readonly CapturedTable[],
  place: () => Promise<Lsn | undefined>,
): Promise<string | undefined> {
  const slot = await readSlot(side.pool, side.slot)
  const position = await place()
  if (!slot) return 'its replication slot is gone'
  if (slot.status === 'lost') {
    return 'its server has removed log that the replication slot needed (max_slot_wal_keep_size)'
  }
  if (position === undefined) return 'nobody knows where in it to begin'
  if (slot.confirmed > position) return 'its replication slot was created again, or moved, by somebody else'
  if (position > (await reachedLsn(side.pool))) return 'it was restored to an older state'
  const row = await loadSide(side)
  if ((await publicationOf(side, tables)) !== row?.publication) {
    return 'its publication was changed, or tables were created again'
  }
  return undefined
}

async function publicationOf(side: Side, tables: readonly CapturedTable[]): Promise<string | undefined> {
  const marks: string[] = []
  for (const table of tables) {
    try {
      const mark = await readPublication(side.pool, side.slot, table)
      if (mark === undefined) return undefined
      marks.push(mark)
    } catch (error) {
      // It leaves something out.
      if (error instanceof TidingsError && error.code === 'bad-request') return undefined
      throw error
    }
  }
  return marks.join(' ')
}

async function reachedLsn(pool: CapturePool): Promise<Lsn> {
  const [row] = await read(pool, (session) => session.rows('select pg_current_wal_insert_lsn()'))
  return parseLsn(row![0]!)
}
