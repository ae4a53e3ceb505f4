import { quoted } from '../capture/client.ts'
import type { OldTuple, Relation, Tuple } from '../capture/pgoutput.ts'
import type { Session } from '../capture/session.ts'
import type { RowMessage } from '../capture/transaction.ts'
import type { Role } from './states.ts'
import type { SideTable, TablePair } from './tables.ts'

/** The columns of one table that are applied, and where they stand in the rows of the log. */
interface Form {
  readonly target: string
  readonly columns: readonly FormColumn[]
  readonly key: readonly FormColumn[]
}

interface FormColumn {
  readonly name: string
  readonly typeName: string
  readonly place: number
  /** It never changes. */
  readonly isFixed: boolean
}

/** Rows that one statement inserts or deletes. */
interface Group {
  readonly kind: 'insert' | 'delete'
  readonly form: Form
  readonly rows: Tuple[]
}

const mostRows = 500

/**
 * Applies the changes of one side's log to the tables of the other, in their order. What was inserted or deleted in a row
 * goes in one statement; that changes neither what the statements leave nor what a constraint sees between them.
 */
export class Applier {
  readonly #pairs: ReadonlyMap<number, { readonly source: SideTable; readonly target: SideTable }>
  readonly #source: Role
  readonly #forms = new Map<number, Form>()
  #group: Group | undefined

  constructor(pairs: readonly TablePair[], source: Role) {
    const target = source === 'old' ? 'new' : 'old'
    this.#source = source
    this.#pairs = new Map(pairs.map((pair) => [pair[source].oid, { source: pair[source], target: pair[target] }]))
  }

  /** Whether changes of this table are applied. */
  has(relation: number): boolean {
    return this.#pairs.has(relation)
  }

  /** How the log writes the rows that follow. */
  reshape(relation: Relation): void {
    const pair = this.#pairs.get(relation.oid)
    if (!pair) return
    const { target } = pair
    const places = new Map(relation.columns.map(({ name }, place) => [name, place]))
    const unknown = relation.columns.find(({ name }) => !target.shape.some((column) => column.name === name))
    if (unknown && this.#source === 'old') {
      throw new Error(
        `${pair.source.name} has a column ${quoted(unknown.name)} that the new ${target.name} has not. Add it there with the same type (and the same default).`,
      )
    }
    const columns = target.shape.flatMap(({ name, typeName }) => {
      const place = places.get(name)
      return place === undefined ? [] : [{ name, typeName, place, isFixed: target.fixed.includes(name) }]
    })
    const key = target.key.map(({ name }) => columns.find((column) => column.name === name))
    if (key.includes(undefined))
      throw new Error(`The key of ${pair.source.name} has changed; it has to be the same on both sides.`)
    this.#forms.set(relation.oid, { target: target.name, columns, key: key as readonly FormColumn[] })
  }

  async change(session: Session, message: RowMessage): Promise<void> {
    const form = this.#forms.get(message.relation)
    if (!form) throw new Error('The log has a row of a table that it has not described.')
    if (message.kind === 'update') {
      await this.flush(session)
      return update(session, form, message)
    }
    const group = this.#group
    const row = message.kind === 'insert' ? message.row : message.old.row
    const isSame = group?.kind === message.kind && group.form === form && group.rows.length < mostRows
    if (isSame) return void group.rows.push(row)
    await this.flush(session)
    this.#group = { kind: message.kind, form, rows: [row] }
  }

  /** A statement each, which foreign keys of others may refuse, as they may refuse the rows one by one. */
  async truncate(session: Session, relations: readonly number[]): Promise<void> {
    await this.flush(session)
    for (const oid of relations) {
      const pair = this.#pairs.get(oid)
      if (pair) await session.rows(`delete from ${pair.target.name}`)
    }
  }

  /** Runs what is kept back for one statement. */
  async flush(session: Session): Promise<void> {
    const group = this.#group
    this.#group = undefined
    if (!group) return
    const { kind, form, rows } = group
    if (kind === 'insert') await insertRows(session, form, rows)
    else await deleteRows(session, form, rows)
  }

  /** Forgets it, because its transaction was rolled back. */
  forget(): void {
    this.#group = undefined
  }
}

/** Inserts rows that are complete, given as the texts that PostgreSQL writes. */
export async function insertRows(session: Session, form: Form, rows: readonly Tuple[]): Promise<void> {
  const { target, columns } = form
  const names = columns.map(({ name }) => quoted(name)).join(', ')
  const values = columns.map(({ typeName }, place) => `r.c${place}::${typeName}`).join(', ')
  await session.rows(
    `insert into ${target} (${names}) overriding system value select ${values} from ${listed(columns)}`,
    columns.map(({ place }) => rows.map((row) => row[place] ?? null)),
  )
}

/** The form of rows that have these columns in this order. */
export function formOfTable(table: SideTable, columns: readonly string[]): Form {
  const all = columns.map((name, place) => {
    const { typeName } = table.shape.find((column) => column.name === name)!
    return { name, typeName, place, isFixed: table.fixed.includes(name) }
  })
  return { target: table.name, columns: all, key: [] }
}

/** Rows that are not there any more were deleted by a foreign key that cascades. */
async function deleteRows(session: Session, { target, key }: Form, rows: readonly Tuple[]): Promise<void> {
  const equal = key.map(({ name, typeName }, place) => `t.${quoted(name)} = r.c${place}::${typeName}`)
  await session.rows(
    `delete from ${target} t using ${listed(key)} where ${equal.join(' and ')}`,
    key.map(({ place }) => rows.map((row) => row[place])),
  )
}

function listed(columns: readonly FormColumn[]): string {
  const lists = columns.map((_, place) => `$${place + 1}::text[]`).join(', ')
  return `unnest(${lists}) as r (${columns.map((_, place) => `c${place}`).join(', ')})`
}

interface Update {
  readonly old: OldTuple | undefined
  readonly row: Tuple
}

async function update(session: Session, form: Form, { old, row }: Update): Promise<void> {
  const { target, columns, key } = form
  const before = key.map(({ place }) => (old ? old.row[place] : row[place]))
  const after = key.map(({ place }, each) => row[place] ?? before[each])
  const moves = before.some((text, place) => text !== after[place])
  // Values that are stored apart and did not change are not in the log, and stay as they are here too.
  const set = columns.filter(
    ({ name, place, isFixed }) => row[place] !== undefined && !isFixed && (moves || !isKey(form, name)),
  )
  if (set.length === 0) return
  const changes = set.map(({ name, typeName }, place) => `${quoted(name)} = $${place + 1}::text::${typeName}`)
  const equal = key.map(
    ({ name, typeName }, place) => `${quoted(name)} = $${set.length + place + 1}::text::${typeName}`,
  )
  const statement = `update ${target} set ${changes.join(', ')} where ${equal.join(' and ')} returning 1`
  const values = set.map(({ place }) => row[place])
  const found = await session.rows(statement, [...values, ...before])
  if (found.length > 0) return
  // A foreign key that cascades has moved it already.
  if (moves && (await session.rows(statement, [...values, ...after])).length > 0) return
  throw new Error(`${target} does not have the row (${before.join(', ')}) that was updated on the other side.`)
}

function isKey({ key }: Form, column: string): boolean {
  return key.some(({ name }) => name === column)
}
