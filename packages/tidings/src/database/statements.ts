import { TidingsError } from '../errors.ts'
import type { Dialect } from './port.ts'

/** What must be known of a statement before it runs; how it is read depends on the database. */
export interface StatementText {
  /** How many values it takes. */
  readonly placeholders: number
  /** Begins or ends a transaction, which is the kit's to do. */
  readonly controlsTransaction: boolean
}

/** Refuses a statement that controls the transaction, and one that takes another number of values. */
export function checkStatement(text: string, read: StatementText, values: readonly unknown[]): void {
  if (read.controlsTransaction) {
    throw new TidingsError(
      'transaction-misuse',
      `"${excerpt(text)}" ends or begins a transaction, which transaction() does; throw to roll back, return to commit.`,
    )
  }
  if (values.length !== read.placeholders) {
    throw new TidingsError(
      'bad-request',
      `The statement takes ${read.placeholders} values and got ${values.length}: ${excerpt(text)}`,
    )
  }
}

/** Reads whole rows by the value of one column. */
export function rowStatement({ identifier, placeholder }: Dialect, table: string, column: string): string {
  return `select * from ${identifier(table)} where ${identifier(column)} = ${placeholder(1)}`
}

export function refusedStatement(text: string, reason: string): TidingsError {
  return new TidingsError('bad-request', `The statement ${reason}: ${excerpt(text)}`)
}

/** What `query()` of a database answers to a statement that would write. */
export function refusedWrite(text: string, cause: unknown): TidingsError {
  return new TidingsError('transaction-misuse', `query() only reads; write inside transaction(): ${excerpt(text)}`, {
    cause,
  })
}

/** A statement in one line, for messages. */
export function excerpt(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length > 100 ? `${line.slice(0, 100)}…` : line
}
