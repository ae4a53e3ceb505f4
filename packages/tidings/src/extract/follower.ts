import { betweenConnections, messageOf } from '../capture/client.ts'
import type { Lsn } from '../capture/lsn.ts'
import { emitNote } from '../capture/server.ts'
import { change, run as runStatement } from '../capture/session.ts'
import { Backoff, sleep } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { fill } from './fill.ts'
import { follow } from './follow.ts'
import { beginPosition } from './position.ts'
import { giveUp, healOldSide } from './give-up.ts'
import { markPrefix } from './guard.ts'
import { inTurn, lockKey } from './locks.ts'
import { dropLog, inStateAlone, lostLog } from './log.ts'
import { tablesOf, type Parts } from './parts.ts'
import { reopenOld } from './return.ts'
import { loadSide, type Side } from './side.ts'
import { states, type Role, type State } from './states.ts'
import type { ExtractionState } from './store.ts'
import { inspectPairs, type TablePair } from './tables.ts'

export interface FollowerProgress {
  readonly state: State
  /** How many rows were filled in, or changes applied, since this process began with the state. */
  readonly count: number
}

export interface FollowerOptions extends Parts {
  readonly signal: AbortSignal
  readonly onProgress?: (progress: FollowerProgress) => void
}

const lookEveryMs = 500
const beatEveryMs = 2_000
const waitMs = 500

/** The state is another one, so that something else has to be done. */
class StateChanged extends Error {
  override readonly name = 'StateChanged'
}

/**
 * Does what the state says, whatever it is, until the signal aborts or the extraction has ended: fills, follows in one
 * direction or the other, ends what somebody has left half way. One process at a time does it; others wait for it.
 */
export async function runFollower(options: FollowerOptions): Promise<void> {
  const { signal, environment } = options
  const backoff = new Backoff(environment, betweenConnections)
  let isTold = false
  while (!signal.aborted) {
    try {
      if (!(await presentState(options))) return
      const hadTurn = await inTurn(options, 'follow', async () => {
        const state = await presentState(options)
        if (state) await step(options, state, () => backoff.reset())
      })
      if (!hadTurn) await sleep(environment, waitMs, signal)
      isTold = false
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof StateChanged) continue
      await options.store.noteProblem(messageOf(error)).catch(() => undefined)
      if (!isTold)
        options.notice('warning', `Nothing is followed at present: ${messageOf(error)} It goes on by itself.`)
      isTold = true
      await backoff.pause(signal)
    }
  }
}

/** `undefined` where it has ended, or is about to. */
async function presentState({ store }: FollowerOptions): Promise<ExtractionState | undefined> {
  const state = await store.load()
  return state?.state === 'finishing' || state?.state === 'abandoning' ? undefined : state
}

async function step(options: FollowerOptions, state: ExtractionState, onFlowing: () => void): Promise<void> {
  const { sides, store, onProgress } = options
  if (state.state === 'reopening') return reopenOld(options, state)
  const pairs = await inspectPairs(sides, state.tables)
  if (state.state === 'filling') {
    await healOldSide(options)
    let count = 0
    await fill({ ...options, pairs, onRows: (rows) => onProgress?.({ state: 'filling', count: (count += rows) }) })
    await store.noteProblem(undefined)
    return
  }
  const source = states[state.state].source!
  const leaving = source === 'old' ? sides.new : sides.old
  // The log of the side that is followed to is kept by nobody, but while writers are being switched to it.
  if (state.state === 'following' || state.state === 'switched') {
    await inStateAlone(options, state.state, () => dropLog(leaving))
  }
  if (state.state === 'following') await healOldSide(options)
  await followOneWay(options, { state, pairs, source, onFlowing })
}

interface OneWay {
  readonly state: ExtractionState
  readonly pairs: readonly TablePair[]
  readonly source: Role
  readonly onFlowing: () => void
}

/** Follows until the direction or the state is another one. */
async function followOneWay(options: FollowerOptions, { state, pairs, source, onFlowing }: OneWay): Promise<void> {
  const { sides, store, signal, environment, onProgress } = options
  const [from, to] = source === 'old' ? [sides.old, sides.new] : [sides.new, sides.old]
  let position: Lsn | undefined
  const lost = await lostLog(from, tablesOf(pairs, source), async () => (position = await beginPosition(from, to)))
  if (lost !== undefined || position === undefined) return logIsLost(options, state, lost ?? 'it has no beginning')
  const { guard: token } = (await loadSide(to))!
  if (token === undefined) throw new Error(`The ${to.role} side is open, so that nothing is applied to it.`)
  const ending = new AbortController()
  const until = AbortSignal.any([signal, ending.signal])
  const watching = watch(options, { source: from, state, pairs }, ending)
  let count = 0
  let isFlowing = false
  try {
    await follow({
      source: from,
      target: to,
      pairs,
      environment,
      token,
      position,
      signal: until,
      onFlowing(applied) {
        onFlowing()
        if (!isFlowing) void store.noteProblem(undefined).catch(() => undefined)
        isFlowing = true
        onProgress?.({ state: state.state, count: (count += applied) })
      },
    })
  } finally {
    ending.abort(new StateChanged())
    await watching
  }
}

/** Where nobody has written the new side yet, it is filled anew; else nothing can mend it, and somebody has to know. */
async function logIsLost(options: FollowerOptions, state: ExtractionState, reason: string): Promise<void> {
  const { sides, store, notice } = options
  if (state.state === 'switching' || state.state === 'returning') {
    await giveUp(options, state)
    return
  }
  if (state.state === 'following') {
    await change(sides.new.pool, (session) => store.move(session, { from: ['following'], to: 'filling' }))
    return notice(
      'warning',
      `The log of the old database cannot be followed on, because ${reason}; the new tables are filled anew.`,
    )
  }
  throw new TidingsError(
    'bad-request',
    `The log of the new database cannot be followed on, because ${reason}. The old tables stay as they are, and the way back is closed; "finish" ends the extraction.`,
  )
}

/** What is followed in one state. */
interface Followed {
  readonly source: Side
  readonly state: ExtractionState
  readonly pairs: readonly TablePair[]
}

/** Looks at the state while changes are followed, sends notes through the log, and ends what has had its time. */
async function watch(
  options: FollowerOptions,
  { source, state, pairs }: Followed,
  ending: AbortController,
): Promise<void> {
  const { store, environment } = options
  let beatAt = -Infinity
  while (!ending.signal.aborted) {
    try {
      const present = await store.load()
      if (states[present?.state ?? 'finishing'].source !== source.role) return ending.abort(new StateChanged())
      if (present && (await isOverdue(options, present))) await endOverdue(options, present)
      if (environment.clock.monotonic() - beatAt >= beatEveryMs) {
        beatAt = environment.clock.monotonic()
        await beat(options, { source, state, pairs }, ending)
      }
    } catch (error) {
      // What is out of reach at present is looked at again; the stream notices too where it is the whole database.
      if (error instanceof TidingsError && error.code === 'bad-request') return ending.abort(error)
    }
    await sleep(environment, lookEveryMs, ending.signal)
  }
}

async function beat(
  options: FollowerOptions,
  { source, state, pairs }: Followed,
  ending: AbortController,
): Promise<void> {
  await emitNote(source.pool, markPrefix(source), 'beat')
  if (state.state === 'following') await healOldSide(options)
  const target = source.role === 'old' ? options.sides.new : options.sides.old
  const lost = await lostLog(source, tablesOf(pairs, source.role), async () => (await loadSide(target))?.position)
  if (lost !== undefined) ending.abort(new StateChanged())
}

/** Whether what was begun is not decided although it has had its time: whoever did it is gone. */
async function isOverdue({ sides }: FollowerOptions, state: ExtractionState): Promise<boolean> {
  if (state.isOverdue) return true
  if (state.state !== 'switching' && state.state !== 'returning') return false
  const row = await loadSide(state.state === 'switching' ? sides.old : sides.new)
  return row?.guard === state.token && row?.isOverdue === true
}

async function endOverdue(options: FollowerOptions, state: ExtractionState): Promise<void> {
  if (!(await giveUp(options, state))) return
  const what = state.state === 'returning' ? 'The return' : 'The switch'
  options.notice('warning', `${what} was not done in time and was given up; everything is as it was before.`)
}

/** Whether some process follows at present. */
export async function isFollowed(sides: Parts['sides']): Promise<boolean> {
  const rows = await runStatement(
    sides.new.pool,
    `select 1 from pg_locks where locktype = 'advisory' and granted
        and database = (select oid from pg_database where datname = current_database())
        and (classid::bigint << 32 | objid::bigint) = ${lockKey('follow')}`,
    [sides.new.name],
  )
  return rows.length > 0
}
