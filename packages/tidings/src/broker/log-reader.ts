import type { Engine, LogPage, LogRecord, TopicId, TopicKind } from '../engine/index.ts'
import { isTombstone } from '../event/index.ts'

/** Reads a topic's log for a shard of a subscription, and never answers a payload that is erased by then. */
export class LogReader {
  readonly #engine: Engine
  readonly #topic: TopicId
  readonly #kind: TopicKind
  #erasures = 0

  constructor({ engine, topic, kind }: { engine: Engine; topic: TopicId; kind: TopicKind }) {
    this.#engine = engine
    this.#topic = topic
    this.#kind = kind
  }

  async read(options: { after: number; limit: number; shard?: number }): Promise<LogPage> {
    for (;;) {
      const before = this.#erasures
      const page = await this.#engine.log.read(this.#topic, options)
      if (before !== this.#erasures) continue
      return { ...page, records: page.records.map((record) => readable(record, this.#kind)) }
    }
  }

  /** What the log holds at an offset. */
  async record(offset: number): Promise<LogRecord | undefined> {
    const [record] = (await this.read({ after: offset - 1, limit: 1 })).records
    return record?.offset === offset ? record : undefined
  }

  /** The event at an offset; `undefined` when it is not there any more. */
  async fetch(offset: number): Promise<LogRecord | undefined> {
    const record = await this.record(offset)
    return record?.erased ? undefined : record
  }

  /** Payloads were erased: what is being read may hold them still. */
  erased(): void {
    this.#erasures++
  }
}

/** A tombstone of an entity says what it always said, erased or not. */
export function readable(record: LogRecord, kind: TopicKind): LogRecord {
  return record.erased && kind === 'entity' && isTombstone(record.event) ? { ...record, erased: false } : record
}
