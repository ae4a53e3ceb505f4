import { codeOf } from '../capture/client.ts'
import { change, type Session } from '../capture/session.ts'
import { sleep, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { Parts } from './parts.ts'
import type { Side } from './side.ts'

/**
 * Everybody who wants the table queues behind whoever waits for a lock on it, so nobody waits for long. Only a longer wait
 * makes PostgreSQL cancel an autovacuum that is in the way (`deadlock_timeout`, 1 s), so one in five is.
 */
const shortWaitMs = 100
const longWaitMs = 1_200
const longEvery = 5
const pauseMs = 200

/** What only one process at a time may do for an extraction: follow, or make and remove logs. */
export type Turn = 'follow' | 'log'

const lockName: Readonly<Record<Turn, string>> = { follow: 'tidings.extract.', log: 'tidings.extract.log.' }

/** The key under which `pg_locks` has a turn of the extraction that `$1` names. */
export function lockKey(turn: Turn): string {
  return `hashtextextended('${lockName[turn]}' || $1, 0)`
}

/**
 * Does the work while no other process has this turn; answers `false`, and does nothing, where one has it. The lock is in
 * the new database and belongs to a connection, not to a transaction: a slot waits for every open transaction before it
 * is made.
 */
export async function inTurn({ sides }: Pick<Parts, 'sides'>, turn: Turn, work: () => Promise<void>): Promise<boolean> {
  const { pool, name } = sides.new
  const client = await pool.connect()
  let isFailed = true
  const onError = (): void => undefined
  client.on('error', onError)
  try {
    const lock = { text: `select pg_try_advisory_lock(${lockKey(turn)}) as taken`, values: [name] }
    const { taken } = (await client.query(lock)).rows[0] as { readonly taken: boolean }
    if (taken) {
      await work()
      await client.query({ text: `select pg_advisory_unlock(${lockKey(turn)})`, values: [name] })
    }
    isFailed = false
    return taken
  } finally {
    client.off('error', onError)
    client.release(isFailed)
  }
}

/** Runs a transaction that takes locks, again and again while others hold them, until the time is over. */
export async function withLocks<Result>(
  side: Side,
  options: { readonly environment: Environment; readonly limitMs: number; readonly signal?: AbortSignal },
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const { environment, limitMs, signal } = options
  const begun = environment.clock.monotonic()
  for (let turn = 1; ; turn++) {
    try {
      return await change(side.pool, async (session) => {
        await session.rows(`set local lock_timeout = ${turn % longEvery === 0 ? longWaitMs : shortWaitMs}`)
        return work(session)
      })
    } catch (error) {
      if (!['55P03', '40P01'].includes(codeOf(error))) throw error
      if (environment.clock.monotonic() - begun >= limitMs || signal?.aborted) {
        throw new TidingsError(
          'database-busy',
          `Other transactions of the ${side.role} database (${side.called}) hold locks on the tables, for longer than ${limitMs} ms; see pg_stat_activity for those that are open for long, and try again.`,
          { cause: error },
        )
      }
      await sleep(environment, pauseMs * (0.5 + environment.random.next()), signal)
    }
  }
}
