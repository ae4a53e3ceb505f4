import { storeMoved } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { connectRefusal, isBusy, isFailed, messageOf, postgresCode } from '../../postgres/index.ts'
import { replacedCode } from './fence.ts'
import { movedCode } from './standing.ts'

const diskFull = '53100'
/** Ended by somebody else, or sent to a server that takes no writes at present, as after a failover. */
const passing = new Set(['57014', '25006'])
/** The server found its own pages damaged (class XX). */
const damaged = new Set(['XX001', 'XX002'])

/** What a failure while the engine was at work means to its caller. */
export function storeError(error: unknown, doing: string): TidingsError {
  if (error instanceof TidingsError) return error
  const code = postgresCode(error)
  const reason = `${messageOf(error)}${code === '' ? '' : ` (${code})`}`
  if (code === replacedCode) {
    return new TidingsError(
      'ownership-lost',
      `While ${doing}, PostgreSQL said that ${messageOf(error)}. Nothing was changed; go on with whoever is the owner.`,
      { cause: error },
    )
  }
  if (code === movedCode) return storeMoved({ to: messageOf(error) }, 'Everything in this store')
  if (code === diskFull) {
    return new TidingsError(
      'store-full',
      `PostgreSQL has no room while ${doing}: ${reason}. Nothing was stored. Free some space on its disk and try again.`,
      { cause: error },
    )
  }
  if (isFailed(error) || isBusy(error) || passing.has(code)) {
    return new TidingsError(
      'unavailable',
      `PostgreSQL was out of reach while ${doing}: ${reason}. Whether it was done is unknown; try again.`,
      { cause: error },
    )
  }
  if (damaged.has(code)) {
    return new TidingsError(
      'store-corrupt',
      `PostgreSQL found damage while ${doing}: ${reason}. Restore the database from a backup.`,
      { cause: error },
    )
  }
  return new TidingsError(
    'store-failed',
    `PostgreSQL refused what it should not while ${doing}: ${reason}. Look at its log and at the rights of the role.`,
    { cause: error },
  )
}

/** Why no connection could be had. */
export function connectError(error: unknown): TidingsError {
  return connectRefusal(error) ?? storeError(error, 'connecting')
}

/** What kept a store from being opened. */
export function openError(error: unknown, schema: string): unknown {
  const cause = error instanceof TidingsError ? error.cause : undefined
  if (postgresCode(cause) !== '42501') return error
  return new TidingsError(
    'bad-request',
    `The role of the pool lacks a right in the schema "${schema}" (${messageOf(cause)}); let it own that schema: create schema ${schema} authorization …, or grant create on database … to …`,
    { cause },
  )
}
