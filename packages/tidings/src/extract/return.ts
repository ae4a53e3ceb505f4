import { change, read } from '../capture/session.ts'
import { drained } from './drain.ts'
import { giveUp } from './give-up.ts'
import { guardSide, openSide } from './guard.ts'
import { withLocks } from './locks.ts'
import { inStateAlone, keepLog, lostLog } from './log.ts'
import { guarded, tablesOf, type Parts } from './parts.ts'
import { beginPosition } from './position.ts'
import { advanceSequences, reachedNumbers } from './sequences.ts'
import { loadSide } from './side.ts'
import type { ExtractionState } from './store.ts'
import { changed, graceMs, notDone, prepareMs, tooLate, type Limits, type Switched } from './switch.ts'
import { inspectPairs, type TablePair } from './tables.ts'

/** Makes the writers go back to the old side. */
export async function returnWriters(parts: Parts, limits: Limits): Promise<Switched> {
  const { sides, store, environment } = parts
  const earlier = (await store.load())!
  if (earlier.state === 'reopening') {
    await reopenOld(parts, earlier)
    return { stoppedMs: 0 }
  }
  if (earlier.state === 'returning') await giveUp(parts, earlier)
  const pairs = await inspectPairs(sides, earlier.tables)
  const lost = await lostLog(sides.new, tablesOf(pairs, 'new'), () => beginPosition(sides.new, sides.old))
  if (lost !== undefined) {
    throw new Error(`The way back is closed: the log of the new database does not have everything, because ${lost}.`)
  }
  const token = environment.ids.next()
  const begun = { at: environment.clock.monotonic() }
  const state: ExtractionState = { ...earlier, state: 'returning', token }
  try {
    await stopNew(parts, { state, pairs, token }, limits)
    begun.at = environment.clock.monotonic()
    if (!(await drained(parts, sides.old, { token, ...limits }))) throw tooLate(limits.signal, limits.limitMs)
    const isDecided = await change(sides.new.pool, (session) =>
      store.move(session, { from: ['returning'], to: 'reopening', under: token }),
    )
    if (!isDecided) throw changed()
  } catch (error) {
    const present = await store.load()
    if (present?.state === 'returning' && present.token === token) await giveUp(parts, present)
    if ((await store.load())?.state === 'reopening') throw error
    throw notDone('The return', error)
  }
  await reopenOld(parts, (await store.load())!)
  return { stoppedMs: environment.clock.monotonic() - begun.at }
}

interface Attempt {
  readonly state: ExtractionState
  readonly pairs: readonly TablePair[]
  readonly token: string
}

/** Guards the new side, once the log of the old one is kept, from which it will be followed. */
async function stopNew(parts: Parts, { state, pairs, token }: Attempt, { limitMs, signal }: Limits): Promise<void> {
  const { sides, store, environment } = parts
  const isBegun = await change(sides.new.pool, (session) =>
    store.move(session, { from: ['switched'], to: 'returning', token, limitMs: 2 * prepareMs + graceMs }),
  )
  if (!isBegun) throw changed()
  await inStateAlone(parts, 'returning', () => keepLog(sides.old, tablesOf(pairs, 'old'), signal))
  signal.throwIfAborted()
  await withLocks(sides.new, { environment, limitMs: prepareMs, signal }, async (session) => {
    const step = { from: ['returning'], to: 'returning', under: token } as const
    if (!(await store.move(session, step))) throw changed()
    const guard = { token, untilMs: limitMs + graceMs }
    if (!(await guardSide(session, guarded(parts, 'new', state), guard))) throw changed()
  })
}

/** Opens the old side, which has everything; whoever finds it undone does it. */
export async function reopenOld(parts: Parts, state: ExtractionState): Promise<void> {
  const { sides, store, environment, notice } = parts
  const pairs = await inspectPairs(sides, state.tables)
  const guard = (await loadSide(sides.old))?.guard
  await inStateAlone(parts, 'reopening', () => keepLog(sides.old, tablesOf(pairs, 'old')))
  if (guard !== undefined) {
    const reached = await read(sides.new.pool, async (session) => {
      const all = []
      for (const pair of pairs) all.push(await reachedNumbers(session, pair.new))
      return all
    })
    await withLocks(sides.old, { environment, limitMs: prepareMs }, async (session) => {
      await openSide(session, guarded(parts, 'old', state), guard)
      for (const [place, pair] of pairs.entries()) await advanceSequences(session, pair.old, reached[place]!)
    })
  }
  await change(sides.new.pool, (session) =>
    store.move(session, { from: ['reopening'], to: 'following', under: state.token! }),
  )
  notice('info', 'The old tables are written again.')
}
