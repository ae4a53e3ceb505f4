import {
  type Arrival,
  type Departure,
  type HeldStore,
  type IdentityBounds,
  type StoreItem,
  type StoreStanding,
} from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { postgresCode, type LentClient } from '../../postgres/index.ts'
import { contentsOf } from './contents.ts'
import { storeError } from './failures.ts'
import { Filling } from './fill.ts'
import { beginAnotherLife } from './lives.ts'
import { ensureSameLife } from './migrations.ts'
import { Session, type Run, type SessionOptions } from './session.ts'
import { standingOf } from './standing.ts'

const tables = ['topic', 'event', 'identity', 'producer', 'newest', 'kept', 'carried', 'garbage', 'ledger', 'entry']
const all = tables.map((table) => `{${table}}`).join(', ')

/**
 * Whoever writes waits from here on, whether it was fenced or not, and what is read is of one moment behind everything
 * that was written. The connection may be idle while the other store is at work; a machine that is gone is noticed.
 */
const holding = `
  begin isolation level repeatable read;
  set local lock_timeout = '30s';
  set local idle_in_transaction_session_timeout = 0;
  set local statement_timeout = 0;
  set local tcp_keepalives_idle = 30;
  set local tcp_keepalives_interval = 10;
  set local tcp_keepalives_count = 3;
  lock table {store}, ${all} in share row exclusive mode`

/** Refuses whoever waits to write, too: the trigger is there before the lock is given up. */
const refusing = tables
  .map((table) => {
    const writing = 'insert or update or delete or truncate'
    return `create trigger moved before ${writing} on {${table}} for each statement execute function {moved}()`
  })
  .join(';\n')

const admitting = tables.map((table) => `drop trigger if exists moved on {${table}}`).join(';\n')

const noting = 'update {store} set standing = $1'

export async function holdStore(options: Omit<SessionOptions, 'held' | 'fence' | 'onFatal'>): Promise<HeldStore> {
  const session = await Session.open({ ...options, held: true, onFatal: () => undefined })
  const { lent, run } = await session.hold()
  const store = new HeldSchema(session, lent, run)
  try {
    await store.begin()
    return store
  } catch (error) {
    await store.release()
    throw error
  }
}

/** Holds the tables of a schema by the locks of a transaction, which ends with each change of standing. */
class HeldSchema implements HeldStore {
  standing: StoreStanding = { store: '', past: [] }
  readonly deduplication: HeldStore['deduplication']
  readonly #session: Session
  readonly #lent: LentClient
  readonly #run: Run
  #arrival: Arrival | undefined
  #released = false

  constructor(session: Session, lent: LentClient, run: Run) {
    this.#session = session
    this.#lent = lent
    this.#run = (text, values) => this.#guarded('holding the store', () => run(text, values))
    this.deduplication = session.deduplication
  }

  async begin(): Promise<void> {
    await this.#run(holding).catch((error: unknown) => {
      throw isLocked(error) ? heldByOthers(this.#session.schema, error) : error
    })
    this.standing = await standingOf(this.#run)
    this.#arrival = this.standing.arrival
  }

  contents(bounds: IdentityBounds): AsyncIterable<readonly StoreItem[]> {
    return contentsOf(this.#run, bounds)
  }

  /** In the transaction that `ready` ends: one that is interrupted leaves the store as it was. */
  async receive(arrival: Arrival, items: AsyncIterable<readonly StoreItem[]>): Promise<void> {
    this.#arrival = arrival
    await this.#run(admitting)
    await this.#run(`truncate ${all}`)
    const filling = new Filling(this.#run, this.#session)
    for await (const some of items) for (const item of some) await filling.add(item)
    await filling.end()
  }

  async ready(): Promise<void> {
    const arrival = { ...this.#arrival!, ready: true }
    await this.#run(noting, [JSON.stringify({ arrival })])
    await this.#run('commit')
    await this.begin()
    if (this.standing.arrival?.move === arrival.move) return
    throw new TidingsError(
      'store-locked',
      'Somebody else has moved something into the same schema; look at both stores.',
    )
  }

  async leave(departure: Departure): Promise<void> {
    await this.#run(refusing)
    await this.#run(noting, [JSON.stringify({ departure })])
    await this.#run('commit')
  }

  async complete(past: readonly string[]): Promise<void> {
    await this.#run('update {store} set standing = null, past = $1, place = null', [JSON.stringify(past)])
    await ensureSameLife(this.#run, this.#session, this.#session.history)
    await this.#run('commit')
    // The plans of the first queries depend on it; PostgreSQL's own comes in a minute.
    await this.#run(`analyze ${all}`).catch(() => undefined)
  }

  async takeBack(): Promise<void> {
    await this.#run(admitting)
    await this.#run('update {store} set standing = null, place = null')
    await ensureSameLife(this.#run, this.#session, this.#session.history)
    await beginAnotherLife(this.#run, this.#session.environment)
    await this.#run('commit')
  }

  async release(): Promise<void> {
    if (this.#released) return
    this.#released = true
    // One that is in a transaction is closed, and what it did not commit has no effect.
    this.#lent.release()
    await this.#session.close()
  }

  async #guarded<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      this.#lent.noteFailure(error)
      throw storeError(error, doing)
    }
  }
}

const lockNotAvailable = '55P03'

function isLocked(error: unknown): boolean {
  return postgresCode((error as { readonly cause?: unknown }).cause) === lockNotAvailable
}

function heldByOthers(schema: string, cause: unknown): TidingsError {
  return new TidingsError(
    'store-locked',
    `Somebody else holds the store in the schema "${schema}", or writes to it without an end: another move, or a transaction that is open. Try again when it is over.`,
    { details: { schema }, cause },
  )
}
