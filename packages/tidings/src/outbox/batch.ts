import type { PublishAnswer, PublishedEvent } from '../broker/port/events.ts'
import type { Database } from '../database/index.ts'
import { decodeEvent, type Event } from '../event/index.ts'
import type { Refusal } from './held.ts'
import { statements } from './statements.ts'

/** What the relay does next for one topic. */
export interface Batch {
  readonly topic: string
  /** To publish in one call, in order. */
  readonly rows: readonly Row[]
  /** Keys whose events are held: these wait behind them. */
  readonly heldKeys: readonly Uint8Array[]
  /** Cannot be published at all. */
  readonly damaged: readonly Refusal[]
  /** The topic has more than this batch. */
  readonly more: boolean
}

interface Row {
  readonly id: number
  readonly key: Uint8Array | null
  readonly event: Event
}

interface StoredRow extends Record<string, number | Uint8Array | null> {
  id: number
  key: Uint8Array | null
  event: Uint8Array
  held: number
}

/** Reads the next events of a topic, as many as the limits allow and at least one; none for who is not the owner. */
export async function readBatch(
  database: Database,
  options: { readonly topic: string; readonly epoch: number; readonly maxRows: number; readonly maxBytes: number },
): Promise<Batch> {
  const { topic, epoch, maxRows, maxBytes } = options
  const weights = await database.query<{ id: number; bytes: number }>(statements.weigh, [topic, maxRows + 1])
  const count = countWithin(weights.slice(0, maxRows), maxBytes)
  const last = weights[count - 1]
  const stored = last ? await database.query<StoredRow>(statements.batch, [topic, last.id, epoch]) : []
  return sortOut(topic, stored, weights.length > count)
}

function countWithin(weights: readonly { readonly bytes: number }[], maxBytes: number): number {
  let bytes = 0
  let count = 0
  for (const weight of weights) {
    bytes += weight.bytes
    if (count > 0 && bytes > maxBytes) break
    count += 1
  }
  return count
}

function sortOut(topic: string, stored: readonly StoredRow[], more: boolean): Batch {
  const rows: Row[] = []
  const damaged: Refusal[] = []
  const held = new Map<string, Uint8Array>()
  for (const { id, key, event, held: isHeld } of stored) {
    const name = key?.join() ?? ''
    if (key && isHeld) held.set(name, key)
    if (key && held.has(name)) continue
    try {
      rows.push({ id, key, event: decodeEvent(event) })
    } catch (error) {
      if (key) held.set(name, key)
      damaged.push({
        id,
        topic,
        key,
        code: 'store-corrupt',
        reason: error instanceof Error ? error.message : String(error),
      })
    }
  }
  return { topic, rows, heldKeys: [...held.values()], damaged, more }
}

/** The batch as the broker gets it; the id of a row is the counter of its producer. */
export function publication(batch: Batch, producer: { readonly id: string; readonly epoch: number }): PublishedEvent[] {
  return batch.rows.map(({ id, event }) => ({ event, producer: { ...producer, counter: id } }))
}

export interface Outcome {
  readonly accepted: readonly number[]
  readonly refused: readonly Refusal[]
  /** The broker knows a newer owner of the producer. */
  readonly fenced: boolean
}

/**
 * What the answers mean for the rows. One that was refused only because of another before it stays where it is; so does
 * every row when the owner was fenced, because that is not the row's fault.
 */
export function outcomeOf(batch: Batch, answers: readonly PublishAnswer[]): Outcome {
  const accepted: number[] = []
  const refused: Refusal[] = []
  let fenced = false
  for (const [index, { id, key }] of batch.rows.entries()) {
    const answer = answers[index]
    if (!answer) continue
    if (answer.status !== 'refused') accepted.push(id)
    else if (answer.code === 'producer-fenced') fenced = true
    else if (answer.code !== 'behind-refused') {
      refused.push({ id, topic: batch.topic, key, code: answer.code, reason: answer.message })
    }
  }
  return { accepted, refused, fenced }
}
