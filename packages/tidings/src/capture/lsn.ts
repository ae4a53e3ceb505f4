import { TidingsError } from '../errors.ts'
import { formatSequence } from '../event/index.ts'

/** A place in PostgreSQL's write-ahead log (`pg_lsn`): the number of bytes before it. */
export type Lsn = bigint

export function parseLsn(text: string): Lsn {
  const [high = '', low = ''] = text.split('/')
  if (!/^[0-9A-F]{1,8}$/i.test(high) || !/^[0-9A-F]{1,8}$/i.test(low)) {
    throw new Error(`"${text}" is no place in the write-ahead log of PostgreSQL.`)
  }
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`
}

const partsOfTransaction = 10_000n
const lastPart = 9_999

/**
 * Which part of its transaction a change belongs to, by its number among the changes of its table in this transaction.
 * Parts grow, so that 10,000 of them are enough for 400 million changes: what comes after those belongs to the last one.
 *
 * The number stands in versions that brokers keep, and it depends on nothing but the log: a transaction that is read
 * again, in smaller or larger pieces, gives each change the version that it had before.
 */
export function partOf(change: number): number {
  return Math.min(lastPart, Math.floor(Math.sqrt(change) / 2))
}

/** The number of the first change of a part. */
export function firstOf(part: number): number {
  return 4 * part ** 2
}

/**
 * The version of a change: where its transaction's commit stands in the log, then its part in the transaction. Commits
 * of one key stand in the log in the order in which they changed it, because the later one waits for the earlier; the
 * places of the changes themselves need not: a row is written before its key is found to be taken.
 */
export function sequenceOf(commit: Lsn, part: number): string {
  return checked(commit * partsOfTransaction + BigInt(part))
}

/** The version of what was listed: older than every change that is committed at `base` or later. */
export function listedSequence(base: Lsn): string {
  return checked(base * partsOfTransaction - 1n)
}

/** The version of a key that the listing did not meet: older than everything that the listing met. */
export function missingSequence(base: Lsn): string {
  return checked(base * partsOfTransaction - 2n)
}

/** Where in the log a version comes from. */
export function lsnOf(sequence: string): Lsn {
  return BigInt(sequence) / partsOfTransaction
}

function checked(version: bigint): string {
  const sequence = formatSequence(version)
  if (sequence.length <= 20) return sequence
  throw new TidingsError(
    'internal',
    'The write-ahead log of this PostgreSQL is longer than 10^16 bytes, which versions of events cannot count; move the data to a new cluster.',
  )
}
