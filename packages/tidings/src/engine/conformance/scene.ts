import type { Event } from '../../event/index.ts'
import type { AppendAnswer, AppendRequest, Engine, LogRecord, LogSettings, ProducerStamp, TopicId } from '../port.ts'

// The words that the cases are written in.

export const topic: TopicId = { namespace: 'default', topic: 'crm.customer' }
export const entityLog: LogSettings = { kind: 'entity', shards: 4 }
export const eventLog: LogSettings = { kind: 'event', shards: 4 }

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** An event of `/crm` with a payload that follows from its id, so that the same id means the same content. */
export function eventOf(id: string, attributes: Partial<Event> = {}): Event {
  return { id, source: '/crm', type: 'crm.customer.updated', data: bytesOf(`{"id":"${id}"}`), ...attributes }
}

export function tombstoneOf(id: string, attributes: Partial<Event> = {}): Event {
  return { id, source: '/crm', type: 'crm.customer.deleted', ...attributes }
}

export function requestOf(event: Event, producer?: ProducerStamp): AppendRequest {
  return { event, shard: 0, ...(producer && { producer }) }
}

/** Appends events in one call. */
export function append(engine: Engine, ...events: readonly Event[]): Promise<readonly AppendAnswer[]> {
  return engine.log.append(
    topic,
    events.map((event) => requestOf(event)),
  )
}

export function stored(offset: number, stale = false): AppendAnswer {
  return { status: 'stored', offset, stale }
}

export function duplicate(offset: number): AppendAnswer {
  return { status: 'duplicate', offset }
}

/** `stored`, `duplicate`, or the code of the refusal. */
export function outcomes(answers: readonly AppendAnswer[]): string[] {
  return answers.map((answer) => (answer.status === 'refused' ? answer.code : answer.status))
}

export async function readAll(engine: Engine, from: TopicId = topic): Promise<readonly LogRecord[]> {
  return (await engine.log.read(from, { after: 0, limit: 10_000 })).records
}

export async function idsOf(engine: Engine, from: TopicId = topic): Promise<string[]> {
  return (await readAll(engine, from)).map(({ event }) => event.id)
}

/** The whole listing of newest events, in pages of `limit`. */
export async function listLatest(engine: Engine, limit = 1000): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  for (let cursor: string | undefined, more = true; more;) {
    const page = await engine.log.latest(topic, { limit, ...(cursor !== undefined && { cursor }) })
    records.push(...page.records)
    cursor = page.next
    more = cursor !== undefined
  }
  return records
}

/** The ids of the newest events, sorted: the listing itself has no order. */
export async function latestIds(engine: Engine, limit?: number): Promise<string[]> {
  return (await listLatest(engine, limit)).map(({ event }) => event.id).sort()
}
