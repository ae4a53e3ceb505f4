import { TidingsError } from '../errors.ts'
import type { Engine, LogRecord, TopicKind } from '../engine/index.ts'
import { formatPosition } from '../event/index.ts'
import { readable } from './log-reader.ts'
import { versioned } from './hand-out.ts'
import type { Namespace } from './namespace.ts'
import type { LatestPage, LatestRequest, PositionedEvent, ReadPage, ReadRequest } from './port/events.ts'

interface Where {
  readonly namespace: string
  readonly limit: number
}

/** A page of a topic's log. */
export async function readEvents(
  engine: Engine,
  namespace: Namespace,
  { namespace: name, topic, after = 'beginning', limit }: ReadRequest & Where,
): Promise<ReadPage> {
  const offset = await namespace.offsetAfter(topic, after)
  const page = await engine.log.read({ namespace: name, topic }, { after: offset, limit })
  const { head, incarnation, kind } = await namespace.describe(topic)
  return {
    events: positioned(page.records, incarnation, kind),
    until: formatPosition(incarnation, page.until),
    head: formatPosition(incarnation, head),
  }
}

/** A page of the newest events of an entity topic. */
export async function readLatest(
  engine: Engine,
  namespace: Namespace,
  { namespace: name, topic, cursor, limit }: LatestRequest & Where,
): Promise<LatestPage> {
  const { kind, incarnation } = await namespace.describe(topic)
  if (kind !== 'entity') {
    throw new TidingsError(
      'bad-request',
      `Topic ${topic} is a topic of ${kind}s; only entity topics keep the newest event of each key. Read it instead.`,
    )
  }
  const options = { limit, ...(cursor === undefined ? {} : { cursor }) }
  const page = await engine.log.latest({ namespace: name, topic }, options)
  return {
    events: positioned(page.records, incarnation, kind),
    from: formatPosition(incarnation, page.from),
    until: formatPosition(incarnation, page.until),
    ...(page.next === undefined ? {} : { next: page.next }),
  }
}

function positioned(records: readonly LogRecord[], incarnation: string, kind: TopicKind): readonly PositionedEvent[] {
  return records
    .filter((record) => !readable(record, kind).erased)
    .map(({ event, offset, appendedAt }) => ({
      position: formatPosition(incarnation, offset),
      appendedAt,
      event: versioned(event, offset, kind),
    }))
}
