import { TidingsError } from '../errors.ts'
import type { Engine, LogRecord, TopicId, TopicKind } from '../engine/index.ts'
import { formatPosition, parsePosition, validateKey } from '../event/index.ts'
import { limits, refuseTwice, wholeNumber } from './arguments.ts'
import { versioned } from './hand-out.ts'
import { readable } from './log-reader.ts'
import type { Namespace } from './namespace.ts'
import type { HistoricEvent, HistoryAnswer, HistoryRequest } from './port/events.ts'

const mostKeys = 100
const pageSize = 1_000

/** The newest events of some keys: those of an index, and what a scan of the topic from its end finds. */
export async function keyHistory(
  engine: Engine,
  namespace: Namespace,
  { namespace: name, topic, keys, scan, before }: HistoryRequest & { readonly namespace: string },
): Promise<HistoryAnswer> {
  checkKeys(keys)
  const events = wholeNumber(scan, limits.scan)
  const { head, incarnation, kind, trimmed } = await namespace.describe(topic)
  const end = before === undefined ? head : parsePosition(before, incarnation) - 1
  const begin = Math.max(0, end - events)
  const id = { namespace: name, topic }
  const found = new Map<number, LogRecord>()
  if (before === undefined) for (const record of await engine.log.newest(id, keys)) found.set(record.offset, record)
  const wanted = new Set(keys)
  for (let until = end; until > begin; until -= pageSize) {
    const after = Math.max(begin, until - pageSize)
    for (const record of await recordsBetween(engine, id, { after, until })) {
      if (record.event.key !== undefined && wanted.has(record.event.key)) found.set(record.offset, record)
    }
  }
  const newestFirst = [...found.values()].sort((left, right) => right.offset - left.offset)
  return {
    events: newestFirst.map((record) => historicEvent(record, incarnation, kind)),
    // Below what was trimmed an entity topic has the newest of each key, which the index has told.
    ...(begin > trimmed && { next: formatPosition(incarnation, begin + 1) }),
    ...(trimmed > 0 && { trimmed: formatPosition(incarnation, trimmed) }),
  }
}

function checkKeys(keys: readonly string[]): void {
  if (keys.length === 0 || keys.length > mostKeys) {
    throw new TidingsError('bad-request', `"keys" must name 1 to ${mostKeys} keys; there were ${keys.length}.`)
  }
  for (const key of keys) validateKey(key)
  refuseTwice(keys, 'key')
}

async function recordsBetween(
  engine: Engine,
  id: TopicId,
  { after, until }: { readonly after: number; readonly until: number },
): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  for (let from = after; from < until;) {
    const page = await engine.log.read(id, { after: from, limit: pageSize })
    records.push(...page.records.filter(({ offset }) => offset <= until))
    if (page.until === from) break
    from = page.until
  }
  return records
}

function historicEvent(record: LogRecord, incarnation: string, kind: TopicKind): HistoricEvent {
  const { event, offset, appendedAt, stale } = record
  return {
    position: formatPosition(incarnation, offset),
    appendedAt,
    ...(stale && { stale }),
    ...(readable(record, kind).erased && { erased: true }),
    event: versioned(event, offset, kind),
  }
}
