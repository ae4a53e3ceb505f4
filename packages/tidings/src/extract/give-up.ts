import { openSide } from './guard.ts'
import { withLocks } from './locks.ts'
import { dropLog, inStateAlone } from './log.ts'
import { guarded, type Parts } from './parts.ts'
import { loadSide } from './side.ts'
import type { ExtractionState } from './store.ts'

const limitMs = 60_000

/**
 * Gives a switch or a return up that has not been decided: the side that was to be left is open again, and followed as
 * before. Answers `false` where it was decided meanwhile; then nothing was changed.
 */
export async function giveUp(parts: Parts, state: ExtractionState): Promise<boolean> {
  const { sides, store, environment } = parts
  const { token = '' } = state
  if (state.state === 'returning') {
    const isGivenUp = await withLocks(sides.new, { environment, limitMs }, async (session) => {
      if (!(await store.move(session, { from: ['returning'], to: 'switched', under: token }))) return false
      await openSide(session, guarded(parts, 'new', state), token)
      return true
    })
    if (isGivenUp) await inStateAlone(parts, 'switched', () => dropLog(sides.old))
    return isGivenUp
  }
  const isGivenUp = await withLocks(sides.new, { environment, limitMs }, (session) =>
    store.move(session, { from: ['switching'], to: 'following', under: token }),
  )
  if (isGivenUp) await openOldAgain(parts, state, token)
  return isGivenUp
}

/**
 * Opens the old side where it is guarded by a switch that was given up. The state says so, and has been read after the
 * token: a token stands in the state before anything is guarded under it, and is never used again.
 */
async function openOldAgain(parts: Parts, state: ExtractionState, token: string): Promise<void> {
  const { sides, environment } = parts
  await withLocks(sides.old, { environment, limitMs }, (session) =>
    openSide(session, guarded(parts, 'old', state), token),
  )
  await inStateAlone(parts, 'following', () => dropLog(sides.new))
}

/** What a process that died between two steps has left: an old side that refuses writes although nobody switches. */
export async function healOldSide(parts: Parts): Promise<void> {
  const { sides, store, notice } = parts
  const guard = (await loadSide(sides.old))?.guard
  if (guard === undefined) return
  const state = await store.load()
  if (state?.state !== 'following' && state?.state !== 'filling') return
  await openOldAgain(parts, state, guard)
  notice('warning', 'The old tables still refused writes after a switch that was given up; they are open again.')
}
