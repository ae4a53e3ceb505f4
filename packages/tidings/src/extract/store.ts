import { refusal } from '../capture/client.ts'
import { read, run, type Session } from '../capture/session.ts'
import { isAbsent, type Side } from './side.ts'
import type { State } from './states.ts'

/** A table under its names on both sides, as statements have them. */
export interface TableNames {
  readonly old: string
  readonly new: string
}

/** Where an extraction stands. */
export interface ExtractionState {
  readonly state: State
  readonly tables: readonly TableNames[]
  /** Of the newest switch or return. */
  readonly token: string | undefined
  /** Whether a switch or a return has had its time. */
  readonly isOverdue: boolean
  /** When both sides were found equal, since the writers were switched last: milliseconds since 1970. */
  readonly comparedAt: number | undefined
  /** Why nothing is followed at present. */
  readonly problem: string | undefined
}

const version = 1

/** The one row that says in which state an extraction is; in the new database. */
export class ExtractionStore {
  readonly #side: Side

  constructor(side: Side) {
    this.#side = side
  }

  /** `undefined` where there is no such extraction. */
  async load(): Promise<ExtractionState | undefined> {
    try {
      return await read(this.#side.pool, (session) => this.loadIn(session))
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  async loadIn(session: Session): Promise<ExtractionState | undefined> {
    const [row] = await session.rows(
      `select version, state, tables, token, coalesce(deadline < clock_timestamp(), false),
              round(extract(epoch from compared) * 1000), problem
         from tidings.extraction where name = $1`,
      [this.#side.name],
    )
    if (!row) return undefined
    const [stored, state, tables, token, isOverdue, comparedAt, problem] = row
    if (Number(stored) !== version) {
      throw refusal(
        `The extraction ${this.#side.name} was begun by another version of Tidings, which keeps it in another form (${stored}); go on with that version.`,
      )
    }
    return {
      state: state as State,
      tables: JSON.parse(tables!) as TableNames[],
      token: token ?? undefined,
      isOverdue: isOverdue === 't',
      comparedAt: comparedAt === null ? undefined : Number(comparedAt),
      problem: problem ?? undefined,
    }
  }

  async create(session: Session, tables: readonly TableNames[]): Promise<void> {
    await session.rows(`insert into tidings.extraction (name, version, state, tables) values ($1, $2, 'filling', $3)`, [
      this.#side.name,
      version,
      JSON.stringify(tables),
    ])
  }

  /**
   * Goes from one state to another, if it is in that one and under this token; answers whether it was. Whatever else of
   * the transaction makes the new state true is committed with it.
   */
  async move(
    session: Session,
    step: {
      readonly from: readonly State[]
      readonly to: State
      /** Under which it has to be; any where it is absent. */
      readonly under?: string
      /** The token from here on. */
      readonly token?: string
      /** How long the state may last. */
      readonly limitMs?: number
    },
  ): Promise<boolean> {
    const { from, to, under, token, limitMs } = step
    // What was compared before the writers changed sides says nothing about what they wrote since.
    const forgets = to === 'switched' || to === 'reopening' || to === 'filling'
    const rows = await session.rows(
      `update tidings.extraction
          set state = $3, token = coalesce($5, token),
              deadline = clock_timestamp() + $6::double precision * interval '1 millisecond',
              compared = case when $7 then null else compared end
        where name = $1 and state = any ($2::text[]) and ($4::text is null or token = $4)
        returning name`,
      [this.#side.name, from, to, under ?? null, token ?? null, limitMs ?? null, forgets],
    )
    return rows.length > 0
  }

  /** Both sides were found equal, in this state. */
  async noteCompared(state: State): Promise<void> {
    await run(
      this.#side.pool,
      'update tidings.extraction set compared = clock_timestamp() where name = $1 and state = $2',
      [this.#side.name, state],
    )
  }

  async noteProblem(problem: string | undefined): Promise<void> {
    await run(
      this.#side.pool,
      'update tidings.extraction set problem = $2 where name = $1 and problem is distinct from $2',
      [this.#side.name, problem ?? null],
    )
  }
}
