import type { Database } from '../database/index.ts'
import { decodeEvent, type Event } from '../event/index.ts'
import { keyText } from './key-bytes.ts'
import type { HeldEvent } from './report.ts'
import type { OutboxTables } from './tables.ts'

export async function listHeld(
  database: Database,
  { statements }: OutboxTables,
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
export function storable(reason: string): string {
  return reason.slice(0, 1_000).replaceAll(/\0|\p{Surrogate}/gu, '\ufffd')
}
