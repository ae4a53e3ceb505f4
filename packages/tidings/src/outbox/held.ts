import type { Database, Transaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import { decodeEvent, type Event } from '../event/index.ts'
import { keyBytes, keyText } from './key-bytes.ts'
import type { HeldEvent } from './report.ts'
import { statements } from './statements.ts'

export interface Refusal {
  readonly id: number
  readonly topic: string
  /** As the tables hold it. */
  readonly key: Uint8Array | null
  readonly code: string
  readonly reason: string
}

/** Sets a refused event aside, with all later ones of its key. */
export async function hold(transaction: Transaction, refusal: Refusal, environment: Environment): Promise<void> {
  const { id, topic, key, code, reason } = refusal
  const heldAt = Math.floor(environment.clock.now())
  await transaction.query(statements.holdOne, [heldAt, code, storable(reason), id])
  await transaction.query(statements.removeOne, [id])
  if (key) await holdBehind(transaction, topic, key, environment)
}

/** Sets everything aside that waits in the outbox for a key of which something is held. */
export async function holdBehind(
  transaction: Transaction,
  topic: string,
  key: Uint8Array,
  environment: Environment,
): Promise<void> {
  // What was held when the relay looked may have been released since.
  if ((await transaction.query(statements.isHeld, [topic, key])).length === 0) return
  const reason = 'An earlier event of its key is held.'
  await transaction.query(statements.holdKey, [
    Math.floor(environment.clock.now()),
    'behind-refused',
    reason,
    topic,
    key,
  ])
  await transaction.query(statements.removeKey, [topic, key])
}

/**
 * Gives everything that is held of a key back to the relay, in order; `null` for events without a key. The ids are new:
 * the broker would take the old ones, which later events have overtaken, for duplicates. Answers how many there were.
 */
export async function release(
  database: Database,
  { topic, key }: { readonly topic: string; readonly key: string | null },
  environment: Environment,
): Promise<number> {
  const bytes = key === null ? null : keyBytes(key)
  return database.transaction(async (transaction) => {
    if ((await transaction.query(statements.isHeld, [topic, bytes])).length === 0) return 0
    // What was written since may not go ahead of what was held before.
    if (bytes) await holdBehind(transaction, topic, bytes, environment)
    const released = await transaction.query(statements.releaseKey, [topic, bytes])
    await transaction.query(statements.removeHeldKey, [topic, bytes])
    return released.length
  })
}

export async function listHeld(
  database: Database,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<HeldEvent[]> {
  const rows = await database.query<{
    id: number
    topic: string
    key: Uint8Array | null
    event: Uint8Array
    held_at: number
    code: string
    reason: string
  }>(statements.held, [after, limit])
  return rows.map(({ id, topic, key, event, held_at: heldAt, code, reason }) => {
    const decoded = decodeOrNothing(event)
    return { id, topic, key: key && keyText(key), heldAt, code, reason, ...(decoded && { event: decoded }) }
  })
}

/** The event in these bytes; nothing where they are damaged. */
function decodeOrNothing(bytes: Uint8Array): Event | undefined {
  try {
    return decodeEvent(bytes)
  } catch {
    return undefined
  }
}

/** A broker's reason may quote anything; a text of the database may not hold everything. */
function storable(reason: string): string {
  return reason.slice(0, 1_000).replaceAll(/\0|\p{Surrogate}/gu, '\ufffd')
}
