import { codeOf } from '../capture/client.ts'
import { emitNote } from '../capture/server.ts'
import { change, run, type Session } from '../capture/session.ts'
import { TidingsError } from '../errors.ts'
import { drained } from './drain.ts'
import { emptyTables } from './empty.ts'
import { giveUp } from './give-up.ts'
import { actAsFollower, dropGuard, markPrefix, openSide, validateForeignKeys } from './guard.ts'
import { withLocks } from './locks.ts'
import { dropLog, inStateAlone } from './log.ts'
import { guarded, type Parts } from './parts.ts'
import { isAbsent, loadSide, lockSide, type Side } from './side.ts'
import type { ExtractionState } from './store.ts'
import { changed, type Limits } from './switch.ts'

const limitMs = 30_000

/** Ends an extraction whose writers are switched: the old tables follow no more, and stay as they are, refusing writes. */
export async function finish(
  parts: Parts,
  { asItIs, ...limits }: Limits & { readonly asItIs: boolean },
): Promise<void> {
  const { sides, store, environment } = parts
  const state = (await store.load())!
  if (state.state === 'switched') {
    const token = environment.ids.next()
    await emitNote(sides.new.pool, markPrefix(sides.new), `mark ${token}`)
    if (!asItIs && !(await drained(parts, sides.old, { token, ...limits }))) {
      throw new TidingsError(
        'database-busy',
        `The old tables do not have everything that was written in the new ones, and did not get it within ${limits.limitMs} ms; nothing was changed. "status" says what is in the way; to end it all the same, say so with --as-it-is.`,
      )
    }
    const isDecided = await change(sides.new.pool, (session) =>
      store.move(session, { from: ['switched'], to: 'finishing' }),
    )
    if (!isDecided) throw changed()
  }
  await dropLogs(parts, 'finishing')
  await withLocks(sides.new, { environment, limitMs }, (session) =>
    dropGuard(session, guarded(parts, 'new', state).tables),
  )
  await forget(parts)
}

/** Takes everything back that was made before a switch. */
export async function abandon(parts: Parts): Promise<void> {
  const { sides, store, environment } = parts
  let state = (await store.load())!
  if (state.state === 'switching') await giveUp(parts, state)
  await change(sides.new.pool, (session) => store.move(session, { from: ['filling', 'following'], to: 'abandoning' }))
  state = (await store.load())!
  if (state.state !== 'abandoning') throw changed()
  const old = guarded(parts, 'old', state)
  await withLocks(sides.old, { environment, limitMs }, async (session) => {
    const { guard } = await lockSide(session, sides.old)
    if (guard !== undefined) await openSide(session, old, guard)
    await dropGuard(session, old.tables)
  })
  await dropLogs(parts, 'abandoning')
  await withLocks(sides.new, { environment, limitMs }, (session) => emptyNew(session, parts, state))
  await forget(parts)
}

async function emptyNew(session: Session, parts: Parts, state: ExtractionState): Promise<void> {
  const present = guarded(parts, 'new', state)
  const { guard } = await lockSide(session, present.side)
  if (guard !== undefined) {
    await actAsFollower(session, present.side)
    await emptyTables(session, present.tables)
    await openSide(session, present, guard)
    await validateForeignKeys(session, present.tables)
  }
  await dropGuard(session, present.tables)
}

/** Whoever was about to make one finds that the extraction ends. */
async function dropLogs(parts: Parts, state: 'finishing' | 'abandoning'): Promise<void> {
  await inStateAlone(parts, state, async () => {
    for (const side of [parts.sides.old, parts.sides.new]) await dropLog(side)
  })
}

/** Removes what the extraction keeps, the state at last, so that what is interrupted is found again. */
async function forget({ sides }: Parts): Promise<void> {
  for (const side of [sides.old, sides.new]) {
    const row = await loadSide(side)
    if (row) await forgetSide(side)
  }
}

async function forgetSide(side: Side): Promise<void> {
  const makes = await change(side.pool, async (session) => {
    const [row] = await session.rows(
      'delete from tidings.extraction_side where name = $1 and role = $2 returning made_schema',
      [side.name, side.role],
    )
    if (side.role === 'new') await session.rows('delete from tidings.extraction where name = $1', [side.name])
    return row?.[0] === 't'
  })
  await dropIfUnused(side, makes)
}

/** Objects that other extractions, or guards that stay, still need are left. */
async function dropIfUnused({ pool }: Side, madeSchema: boolean): Promise<void> {
  const [row] = await run(pool, 'select count(*) from tidings.extraction_side')
  if (row![0] !== '0') return
  const statements = ['drop table tidings.extraction_side', 'drop table if exists tidings.extraction']
  for (const statement of statements) await run(pool, statement)
  await run(pool, 'drop function tidings.refuse_extracted()').catch(unlessNeeded)
  if (madeSchema) await run(pool, 'drop schema tidings').catch(unlessNeeded)
}

function unlessNeeded(error: unknown): void {
  if (codeOf(error) !== '2BP01' && !isAbsent(error)) throw error
}
