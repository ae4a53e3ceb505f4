import type { Ownership } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Session } from './session.ts'

/**
 * The advisory lock of a ledger is this and its number. Whoever writes under an ownership shares it until the commit, and
 * whoever makes somebody else the owner has it alone: so those who were replaced have finished or change nothing. A share
 * lock of the ledger's row would do the same, but an owner's own commits to that ledger could wait behind it for ever,
 * because those who share a row are let past those who wait for it.
 */
export const ledgerLocks = 7_402_113_906_000

/** What the function `fence` raises. */
export const replacedCode = 'TD001'

/** Calls the function that fails, and the whole transaction with it, unless this ownership is the present one. */
export async function fenceOf(session: Session, { id, epoch }: Ownership): Promise<string> {
  const [row] = await session.query<{ number: number }>(
    `looking for ledger ${id.ledger}`,
    'select number from {ledger} where namespace = $1 and ledger = $2 and shard = $3',
    [id.namespace, id.ledger, id.shard],
  )
  if (row) return session.sql(`{fence}(${row.number}, ${epoch})`)
  throw new TidingsError(
    'ownership-lost',
    `There is no ledger ${id.ledger}, shard ${id.shard}, so nothing can be written as its owner; own it first.`,
    { details: { ...id, epoch } },
  )
}
