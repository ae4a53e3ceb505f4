import { codeOf, literal, messageOf, quoted, refusal, type CapturePool } from './client.ts'
import { formatLsn, parseLsn, type Lsn } from './lsn.ts'
import { read, run, write } from './session.ts'

/** How far the listing of the table has come: its rows, then the keys that only the broker knows, then nothing more. */
export type Stage = 'table' | 'broker' | 'done'

/** What a capture must not forget; one row of `tidings.capture`. */
export interface CaptureState {
  /** What this life of the capture belongs to: another server, timeline, publication or key begins another life. */
  readonly identity: string
  readonly sourceepoch: number
  /** Every change that was committed before this place is at the broker. */
  readonly confirmed: Lsn
  /** Where the topic ended then. */
  readonly position: string
  readonly stage: Stage
  /** `table`: the key after which to go on, as texts of its columns; `broker`: the broker's own cursor. */
  readonly cursor: string | undefined
  /** Where this life began: what is listed is older than every change that was committed from there on. */
  readonly base: Lsn
  /** The transaction that began this life: once no older one is open, the listing may begin. */
  readonly horizon: string
  /** The topic was empty when this life began. */
  readonly first: boolean
  /** The columns that the log has had of the table up to `confirmed`; unknown to a state that was begun without them. */
  readonly columns: readonly string[] | undefined
}

const createTable = `
  create table if not exists tidings.capture (
    name text primary key,
    topic text not null unique,
    identity text not null,
    sourceepoch bigint not null,
    confirmed pg_lsn not null,
    position text not null,
    stage text not null,
    cursor text,
    base pg_lsn not null,
    horizon text not null,
    first boolean not null,
    columns text
  )`

/** Keeps the state of one capture in the captured database itself, so that it is restored together with it. */
export class StateStore {
  readonly #pool: CapturePool
  readonly #name: string
  readonly #topic: string

  constructor({ pool, name, topic }: { readonly pool: CapturePool; readonly name: string; readonly topic: string }) {
    this.#pool = pool
    this.#name = name
    this.#topic = topic
  }

  /** Creates the table where it is missing. */
  async prepare(): Promise<void> {
    try {
      const [row] = await run(
        this.#pool,
        `select to_regnamespace('tidings'), to_regclass('tidings.capture'), exists (
           select from pg_attribute where attrelid = to_regclass('tidings.capture') and attname = 'columns')`,
      )
      if (row![0] === null) await run(this.#pool, 'create schema tidings')
      if (row![1] === null) await run(this.#pool, createTable)
      else if (row![2] !== 't')
        await run(this.#pool, 'alter table tidings.capture add column if not exists columns text')
      await run(this.#pool, 'select 1 from tidings.capture limit 1')
    } catch (error) {
      if (codeOf(error) !== '42501') throw error
      const [row] = await run(this.#pool, 'select current_user')
      const role = quoted(row![0]!)
      throw refusal(
        `The role of the pool may not keep the progress of the capture in the schema tidings (${messageOf(error)}); run "create schema tidings authorization ${role}", or where the schema is there "grant usage, create on schema tidings to ${role}" and "grant select, insert, update, delete on all tables in schema tidings to ${role}".`,
        error,
      )
    }
  }

  async load(): Promise<CaptureState | undefined> {
    const [row] = await read(this.#pool, (session) =>
      session.rows(
        `select identity, sourceepoch, confirmed, position, stage, cursor, base, horizon, first, columns
           from tidings.capture where name = $1`,
        [this.#name],
      ),
    )
    if (!row) return undefined
    const [identity, sourceepoch, confirmed, position, stage, cursor, base, horizon, first, columns] = row
    return {
      identity: identity!,
      sourceepoch: Number(sourceepoch),
      confirmed: parseLsn(confirmed!),
      position: position!,
      stage: stage as Stage,
      cursor: cursor ?? undefined,
      base: parseLsn(base!),
      horizon: horizon!,
      first: first === 't',
      columns: typeof columns === 'string' ? (JSON.parse(columns) as string[]) : undefined,
    }
  }

  /** Begins a life, in place of the one before. */
  async begin(state: Omit<CaptureState, 'horizon'>): Promise<CaptureState> {
    const { identity, sourceepoch, confirmed, position, stage, cursor, base, first, columns: known } = state
    const values = [
      identity,
      sourceepoch,
      formatLsn(confirmed),
      position,
      stage,
      cursor ?? null,
      formatLsn(base),
      first,
      JSON.stringify(known),
    ]
    const columns = 'identity, sourceepoch, confirmed, position, stage, cursor, base, first, columns, horizon'
    try {
      await write(this.#pool, (session) =>
        session.rows(
          `insert into tidings.capture as c (name, topic, ${columns})
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, pg_current_xact_id()::text)
           on conflict (name) do update set (topic, ${columns}) = (select excluded.topic, ${columns
             .split(', ')
             .map((column) => `excluded.${column}`)
             .join(', ')})`,
          [this.#name, this.#topic, ...values],
        ),
      )
    } catch (error) {
      if (codeOf(error) !== '23505') throw error
      throw refusal(
        `Another capture in this database publishes ${this.#topic} (select name from tidings.capture where topic = ${literal(this.#topic)}); remove() it first, or give this one its name.`,
        error,
      )
    }
    return (await this.load())!
  }

  async confirm(state: CaptureState): Promise<void> {
    const { confirmed, position, columns } = state
    const values = [formatLsn(confirmed), position, columns === undefined ? null : JSON.stringify(columns)]
    await this.#update(state, 'confirmed = $3, position = $4, columns = $5', values)
  }

  async list(state: CaptureState): Promise<void> {
    await this.#update(state, 'stage = $3, cursor = $4', [state.stage, state.cursor ?? null])
  }

  async #update({ sourceepoch }: CaptureState, set: string, values: readonly unknown[]): Promise<void> {
    const rows = await write(this.#pool, (session) =>
      session.rows(`update tidings.capture set ${set} where name = $1 and sourceepoch = $2 returning name`, [
        this.#name,
        sourceepoch,
        ...values,
      ]),
    )
    if (rows.length === 0) throw new Error('Another process has begun another life of this capture.')
  }

  async remove(): Promise<void> {
    await run(this.#pool, `delete from tidings.capture where name = ${literal(this.#name)}`)
  }
}
