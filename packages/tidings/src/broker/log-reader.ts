import type { Engine, LogPage, LogRecord, TopicId, TopicKind } from '../engine/index.ts'
import { isTombstone } from '../event/index.ts'
import type { Gap } from '../delivery/index.ts'

/** What a shard looks at next. */
export interface ShardPage extends Pick<LogPage, 'records' | 'until'> {
  readonly gaps: readonly Gap[]
}

/** Reads a topic's log for a shard of a subscription, and never answers a payload that is erased by then. */
export class LogReader {
  readonly #engine: Engine
  readonly #topic: TopicId
  readonly #kind: TopicKind
  readonly #shard: number
  readonly #shards: number
  #erasures = 0

  constructor(options: { engine: Engine; topic: TopicId; kind: TopicKind; shard: number; shards: number }) {
    const { engine, topic, kind, shard, shards } = options
    this.#shard = shard
    this.#shards = shards
    this.#engine = engine
    this.#topic = topic
    this.#kind = kind
  }

  /**
   * The next records of the shard, at most up to `through`. Of which shard an event was that is gone nobody can say, so
   * the first shard counts all of them: where there may be any, it reads what the others have as well.
   */
  async next({ through, ...options }: { after: number; limit: number; through: number }): Promise<ShardPage> {
    const shard = this.#shard
    if (this.#shards > 1 && (shard > 0 || !(await this.#mayHaveGaps(options.after)))) {
      const page = bounded(await this.read({ ...options, shard }), through)
      return { ...page, gaps: shard > 0 ? [] : page.damaged.map((offset) => ({ through: offset, events: 1 })) }
    }
    const page = bounded(await this.read(options), through)
    const gaps = gapsOf(page, options.after)
    return { ...page, records: page.records.filter((record) => record.shard === shard), gaps }
  }

  async #mayHaveGaps(after: number): Promise<boolean> {
    const description = await this.#engine.log.describe(this.#topic)
    return description !== undefined && after < description.trimmed
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

function bounded({ records, damaged, ...page }: LogPage, through: number): LogPage {
  const until = Math.min(page.until, through)
  const within = (offset: number): boolean => offset <= until
  return { until, records: records.filter(({ offset }) => within(offset)), damaged: damaged.filter(within) }
}

function gapsOf({ records, until }: LogPage, after: number): readonly Gap[] {
  const gaps: Gap[] = []
  let before = after
  for (const offset of [...records.map((record) => record.offset), until + 1]) {
    if (offset - before > 1) gaps.push({ through: offset - 1, events: offset - before - 1 })
    before = offset
  }
  return gaps
}

/** A tombstone of an entity says what it always said, erased or not. */
export function readable(record: LogRecord, kind: TopicKind): LogRecord {
  return record.erased && kind === 'entity' && isTombstone(record.event) ? { ...record, erased: false } : record
}
