import assert from 'node:assert/strict'
import { TidingsError, type ErrorCode } from '../../errors.ts'
import type { Database, Dialect, SqlRow, Transaction } from '../port.ts'

// The words that the cases are written in.

/** Writes a statement with `?` for each value in the dialect's placeholders. */
export function statement(dialect: Dialect, text: string): string {
  let number = 0
  return text.replaceAll('?', () => dialect.placeholder(++number))
}

export async function createTables(database: Database): Promise<void> {
  const bytes = database.dialect.name === 'postgres' ? 'bytea' : 'blob'
  await database.transaction(async (transaction) => {
    await transaction.query('create table entry (name varchar(200) primary key, amount bigint not null)')
    await transaction.query(
      `create table note (id bigint primary key, text_value text, integer_value bigint, real_value double precision, bytes_value ${bytes})`,
    )
    await transaction.query('create table parent (id bigint primary key)')
    await transaction.query(
      'create table child (id bigint primary key, parent bigint references parent (id) deferrable initially deferred)',
    )
  })
}

export function insert(database: Database, transaction: Transaction, name: string, amount = 1): Promise<SqlRow[]> {
  return transaction.query(statement(database.dialect, 'insert into entry (name, amount) values (?, ?)'), [
    name,
    amount,
  ])
}

/** Inserts an entry in a transaction of its own. */
export async function add(database: Database, name: string, amount = 1): Promise<void> {
  await database.transaction((transaction) => insert(database, transaction, name, amount))
}

/** The names of all entries, sorted. */
export async function names(source: Pick<Transaction, 'query'>): Promise<string[]> {
  const rows = await source.query<{ name: string }>('select name from entry')
  return rows.map(({ name }) => name).sort()
}

/** A transaction that fails when it is committed, not before. */
export function failAtCommit(database: Database): Promise<unknown> {
  return database.transaction(async (transaction) => {
    await insert(database, transaction, 'of a failed commit')
    await transaction.query('insert into child (id, parent) values (1, 404)')
  })
}

/** Throws unless the promise rejects with a TidingsError of this code; answers the error. */
export async function rejectsAs(promise: Promise<unknown>, code: ErrorCode): Promise<TidingsError> {
  const error = await promise.then(
    () => assert.fail(`it should have been refused as ${code}`),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof TidingsError, `expected a TidingsError ${code}, found ${String(error)}`)
  assert.equal(error.code, code, error.message)
  return error
}

/** A promise with its resolver outside. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  const resolvers: (() => void)[] = []
  const passed = new Promise<void>((resolve) => resolvers.push(resolve))
  return { passed, open: () => resolvers[0]?.() }
}
