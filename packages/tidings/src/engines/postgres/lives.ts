import type { EarlierLife } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Environment } from '../../environment/index.ts'
import type { Run, Session } from './session.ts'

const livesRemembered = 20

/**
 * Names the history that the database is part of. It is another one after a restore to an earlier time or the promotion
 * of a standby (which begin a timeline), in another cluster, and in another database; `undefined` where a server does not
 * say. A cluster whose files were put back as they were has the same: who does that has to tell.
 */
export async function historyOf(session: Session): Promise<string | undefined> {
  try {
    const [found] = await session.query<{ history: string }>(
      'looking at the history of the server',
      `select concat_ws('/',
         (select system_identifier from pg_control_system()),
         substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
         (select oid from pg_database where datname = current_database())
       ) as history`,
    )
    return found?.history
  } catch (error) {
    if (error instanceof TidingsError && error.code === 'store-failed') return undefined
    throw error
  }
}

/** A new random part of the name of a life. */
export function newLife(environment: Environment): string {
  return environment.ids
    .next()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
}

export interface Life {
  readonly number: number
  readonly life: string
  /** Where it began in another store. */
  readonly incarnation: string | null
}

/** Unique in this store by the number of the topic and everywhere by its random part. */
export function incarnationOf({ number, life, incarnation }: Life): string {
  return incarnation ?? (number.toString(36).padStart(4, '0') + life).slice(0, 16)
}

/** Gives every topic another incarnation that names the one before, and every ledger an epoch above all of before. */
export async function beginAnotherLife(run: Run, environment: Environment): Promise<void> {
  const topics = await run<Life & { head: number; continues: string }>(
    'select number, life, incarnation, head, continues from {topic} for update',
  )
  for (const { number, life, incarnation, head, continues } of topics) {
    const before = { incarnation: incarnationOf({ number, life, incarnation }), through: head }
    const lives = [...(JSON.parse(continues) as EarlierLife[]), before].slice(-livesRemembered)
    await run('update {topic} set life = $2, incarnation = null, continues = $3 where number = $1', [
      number,
      newLife(environment),
      JSON.stringify(lives),
    ])
  }
  // Hundredths of a second since 1970 fit into a lease, and no life restored from the same backup has begun at the same.
  const epoch = Math.floor(environment.clock.now() / 10)
  await run('update {ledger} set epoch = greatest(epoch + 1, $1)', [epoch])
}
