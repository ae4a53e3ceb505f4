import type { PublishAnswer, PublishedEvent } from '../broker/port/events.ts'
import { decodeEvent, type Event } from '../event/index.ts'
import type { Batch, Outcome, Refusal, Row } from './rows.ts'

export interface StoredRow {
  readonly id: number
  readonly counter: number
  readonly key: Uint8Array | null
  readonly event: Uint8Array
  /** Something of its key is held. */
  readonly held: boolean
}

/** What is to be done with each row: those of a key wait behind one of it that is held or damaged. */
export function rowsOf(stored: readonly StoredRow[]): Row[] {
  const waiting = new Set<string>()
  return stored.map(({ id, counter, key, event, held }) => {
    const name = key?.join()
    if (name !== undefined && held) waiting.add(name)
    if (name !== undefined && waiting.has(name)) return { id, counter, key, fate: 'wait' }
    try {
      return { id, counter, key, fate: 'publish', event: decodeEvent(event) }
    } catch (error) {
      if (name !== undefined) waiting.add(name)
      return { id, counter, key, fate: 'damaged', reason: error instanceof Error ? error.message : String(error) }
    }
  })
}

/** How many rows from the first one on fit into so many bytes; one always does. */
export function countWithin(weights: readonly { readonly bytes: number }[], maxBytes: number): number {
  let bytes = 0
  let count = 0
  for (const weight of weights) {
    bytes += weight.bytes
    if (count > 0 && bytes > maxBytes) break
    count += 1
  }
  return count
}

type Publishable = Row & { readonly event: Event }

export function publishable({ rows }: Batch): Publishable[] {
  return rows.filter((row): row is Publishable => row.fate === 'publish')
}

/** The batch as the broker gets it. */
export function publication(batch: Batch, producer: { readonly id: string; readonly epoch: number }): PublishedEvent[] {
  return publishable(batch).map(({ counter, event }) => ({ event, producer: { ...producer, counter } }))
}

/**
 * What the answers mean for the rows. One that was refused only because of another before it stays where it is; so does
 * every row when the owner was fenced, because that is not the row's fault.
 */
export function outcomeOf(batch: Batch, answers: readonly PublishAnswer[]): Outcome {
  const accepted = new Set<number>()
  const refused = damaged(batch)
  let fenced = false
  for (const [index, { id, key }] of publishable(batch).entries()) {
    const answer = answers[index]
    if (!answer) continue
    if (answer.status !== 'refused') accepted.add(id)
    else if (answer.code === 'producer-fenced') fenced = true
    else if (answer.code !== 'behind-refused') {
      refused.set(id, { id, topic: batch.topic, key, code: answer.code, reason: answer.message })
    }
  }
  return { accepted, refused, fenced }
}

/** The outcome of a batch whose only event was refused as a call. */
export function refusedAlone(batch: Batch, { code, message }: { code: string; message: string }): Outcome {
  const refused = damaged(batch)
  for (const { id, key } of publishable(batch)) refused.set(id, { id, topic: batch.topic, key, code, reason: message })
  return { accepted: new Set(), refused, fenced: false }
}

function damaged({ topic, rows }: Batch): Map<number, Refusal> {
  const refused = new Map<number, Refusal>()
  for (const row of rows) {
    if (row.fate !== 'damaged') continue
    const { id, key, reason } = row
    refused.set(id, { id, topic, key, code: 'store-corrupt', reason })
  }
  return refused
}
