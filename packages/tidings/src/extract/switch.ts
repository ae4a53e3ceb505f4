import { messageOf } from '../capture/client.ts'
import { change, read } from '../capture/session.ts'
import { TidingsError } from '../errors.ts'
import { drained } from './drain.ts'
import { giveUp, healOldSide } from './give-up.ts'
import { guardSide, openSide, validateForeignKeys } from './guard.ts'
import { withLocks } from './locks.ts'
import { dropLog, inStateAlone, keepLog, lostLog } from './log.ts'
import { guarded, tablesOf, type Parts } from './parts.ts'
import { advanceSequences, reachedNumbers } from './sequences.ts'
import { loadSide } from './side.ts'
import type { ExtractionState } from './store.ts'
import { inspectPairs, type TablePair } from './tables.ts'

export interface Limits {
  /** How long the writers may be stopped. */
  readonly limitMs: number
  readonly signal: AbortSignal
}

/** How long writers were refused, in milliseconds. */
export interface Switched {
  readonly stoppedMs: number
}

/** How long what comes before the writers are stopped may take: the lock, and a slot that waits for open transactions. */
export const prepareMs = 60_000
/** Somebody else gives a switch up only when whoever does it had the time to do so. */
export const graceMs = 2_000

/** Makes the writers go to the new side; what is interrupted is begun again under a token of its own. */
export async function switchWriters(parts: Parts, limits: Limits): Promise<Switched> {
  const { sides, store, environment } = parts
  const earlier = (await store.load())!
  if (earlier.state === 'switching') await giveUp(parts, earlier)
  const pairs = await inspectPairs(sides, earlier.tables)
  const token = environment.ids.next()
  const isBegun = await change(sides.new.pool, (session) =>
    store.move(session, { from: ['following'], to: 'switching', token, limitMs: 2 * prepareMs + graceMs }),
  )
  if (!isBegun) throw changed()
  const state = (await store.load())!
  try {
    await inStateAlone(parts, 'switching', () => keepLog(sides.new, tablesOf(pairs, 'new'), limits.signal))
    return await stopAndOpen(parts, { state, pairs, token }, limits)
  } catch (error) {
    // Where it was decided, what failed came after it.
    if (await giveUp(parts, state)) throw notDone('The switch', error)
    await healOldSide(parts)
    if ((await store.load())?.state !== 'switched') throw error
    parts.notice('warning', `The writers are switched, but what comes after that failed: ${messageOf(error)}`)
    return { stoppedMs: 0 }
  }
}

interface Attempt {
  readonly state: ExtractionState
  readonly pairs: readonly TablePair[]
  readonly token: string
}

async function stopAndOpen(parts: Parts, attempt: Attempt, { limitMs, signal }: Limits): Promise<Switched> {
  const { sides, environment } = parts
  const { state, pairs, token } = attempt
  signal.throwIfAborted()
  const lockLimits = { environment, limitMs: prepareMs, signal }
  const isGuarded = await withLocks(sides.old, lockLimits, (session) =>
    guardSide(session, guarded(parts, 'old', state), { token, untilMs: limitMs + graceMs }),
  )
  const begun = environment.clock.monotonic()
  if (!isGuarded) throw changed()
  if (!(await drained(parts, sides.new, { token, limitMs, signal }))) throw tooLate(signal, limitMs)
  // What the follower needs to have read is all there; it was read through the publication that it began with.
  const lost = await lostLog(sides.old, tablesOf(pairs, 'old'), async () => (await loadSide(sides.new))?.position)
  if (lost !== undefined) throw new Error(`The log of the old database may lack something, because ${lost}.`)
  await openNew(parts, attempt, { limitMs, signal })
  const stoppedMs = environment.clock.monotonic() - begun
  await inStateAlone(parts, 'switched', () => dropLog(sides.old)).catch(() => undefined)
  await validate(parts, state)
  return { stoppedMs }
}

/** Decides it: from this commit on the new side is written. */
async function openNew(parts: Parts, { state, pairs, token }: Attempt, { limitMs, signal }: Limits): Promise<void> {
  const { sides, store, environment } = parts
  const reached = await read(sides.old.pool, async (session) => {
    const all = []
    for (const pair of pairs) all.push(await reachedNumbers(session, pair.old))
    return all
  })
  const kept = await lostLog(sides.new, tablesOf(pairs, 'new'), () => reachedPlace(parts))
  if (kept !== undefined) throw new Error(`The new tables could not be followed back, because ${kept}.`)
  await withLocks(sides.new, { environment, limitMs, signal }, async (session) => {
    if (!(await store.move(session, { from: ['switching'], to: 'switched', under: token }))) throw changed()
    const [row] = await session.rows(
      'select drained, guard from tidings.extraction_side where name = $1 and role = $2 for update',
      [sides.new.name, 'new'],
    )
    const [mark, guard] = row!
    if (mark !== token || guard === null) throw changed()
    await openSide(session, guarded(parts, 'new', state), guard!)
    for (const [place, pair] of pairs.entries()) await advanceSequences(session, pair.new, reached[place]!)
  })
}

/** Where the new side's log stands: everything from here on has to be kept. */
async function reachedPlace({ sides }: Parts): Promise<bigint> {
  const [row] = await read(sides.new.pool, (session) =>
    session.rows("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"),
  )
  return BigInt(row![0]!)
}

/** Only tells of rows that were there before; those that come are checked already. */
async function validate(parts: Parts, state: ExtractionState): Promise<void> {
  try {
    await change(parts.sides.new.pool, (session) =>
      validateForeignKeys(
        session,
        state.tables.map((table) => table.new),
      ),
    )
  } catch (error) {
    parts.notice(
      'warning',
      `Rows that came from the old database do not satisfy a foreign key of the new one, which holds for what is written from here on: ${messageOf(error)} Mend the rows and run "alter table … validate constraint …".`,
    )
  }
}

export function changed(): TidingsError {
  return new TidingsError('bad-request', 'Somebody else has changed the state meanwhile; run "status" to see it.')
}

export function tooLate(signal: AbortSignal, limitMs: number): TidingsError {
  if (signal.aborted) return new TidingsError('stopped', 'It was interrupted.')
  return new TidingsError('database-busy', `What was written before was not applied within ${limitMs} ms.`)
}

export function notDone(what: string, error: unknown): TidingsError {
  const code = error instanceof TidingsError ? error.code : 'database-failed'
  return new TidingsError(
    code,
    `${what} was not done, and everything is as it was before; nothing is lost. ${messageOf(error)}`,
    { cause: error },
  )
}
