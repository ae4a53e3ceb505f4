import { versionOf, type EntityVersion } from '../../event/index.ts'
import { logRecordOf } from './block.ts'
import { indexedKey, namedKey, restOfKey } from './keys.ts'
import { RecentMap } from './recent-map.ts'
import { seal, sealNamed, unseal } from './sealed.ts'
import type { Store } from './store.ts'
import { isTrimmed, type TopicReader } from './topic-reader.ts'
import type { Group } from './writer.ts'

/** Where the newest event of a key is, and its version. */
export interface Newest {
  readonly offset: number
  readonly version: EntityVersion
}

/** Of so many keys, and up to twice as many, the newest version is known without asking the disk. */
const recentKeys = 10_000
/** Each group writes at least so many entries, and at least this part of those that wait. */
const leastEntries = 64
const waitingPart = 64

/**
 * The newest event of each key of an entity topic, as far as it is durable. To write an entry with every event would
 * rewrite a page for each of them, so the index on disk is behind: what changed waits in memory and is written a few
 * entries at a time in the order of keys, which share pages, round after round. The store holds up to which offset the
 * index is complete; what a crash takes from memory is read from the log behind it.
 */
export class NewestIndex {
  readonly #store: Store
  readonly #reader: TopicReader
  readonly #recent = new RecentMap<string, Newest>(recentKeys)
  /** `undefined` until it was read from the log. */
  #waiting: Map<string, Newest> | undefined
  /** What this round writes, from `#position` on, and the head of the log when it began. */
  #round: readonly string[] = []
  #position = 0
  #roundHead = 0

  constructor(store: Store, reader: TopicReader) {
    this.#store = store
    this.#reader = reader
  }

  /** Whether memory knows of entries that are not on disk. */
  get isBehind(): boolean {
    return this.#load().size > 0
  }

  get(key: string): Newest | undefined {
    const known = this.#load().get(key) ?? this.#recent.get(key)
    if (known) return known
    const storedKey = namedKey('newest', this.#reader.number, key)
    const value = this.#store.get(storedKey)
    if (!value) return undefined
    const newest = this.#parse(storedKey, value)
    this.#recent.set(key, newest)
    return newest
  }

  /** Takes over what has become durable. */
  add(entries: ReadonlyMap<string, Newest>): void {
    const waiting = this.#load()
    for (const [key, newest] of entries) {
      waiting.set(key, newest)
      this.#recent.set(key, newest)
    }
  }

  /** Adds the next entries to a group, or all of them; `head` is that of the durable log. */
  write(group: Group, head: number, all = false): void {
    const waiting = this.#load()
    if (all || this.#position >= this.#round.length) {
      this.#round = [...waiting.keys()].sort()
      this.#position = 0
      this.#roundHead = head
      if (this.#round.length === 0) return
    }
    const count = all ? this.#round.length : Math.max(leastEntries, Math.ceil(waiting.size / waitingPart))
    const written = new Map<string, Newest>()
    for (const key of this.#round.slice(this.#position, this.#position + count)) {
      const newest = waiting.get(key)
      if (!newest) continue
      written.set(key, newest)
      group.put(sealNamed('newest', this.#reader.number, { name: key, text: formatNewest(newest) }))
    }
    this.#position += count
    if (this.#position >= this.#round.length) group.put(seal(indexedKey(this.#reader.number), String(this.#roundHead)))
    group.join({
      seal() {},
      committed: () => {
        for (const [key, newest] of written) if (waiting.get(key) === newest) waiting.delete(key)
      },
      // The round is given up: it can no longer say that it wrote everything.
      rolledBack: () => {
        this.#round = []
        this.#position = 0
      },
    })
  }

  /** Up to `limit` entries on disk, in key order, behind one key; where memory knows a newer event, that one. */
  *after(key: Uint8Array | undefined, limit: number): Iterable<{ key: Uint8Array; newest: Newest }> {
    const waiting = this.#load()
    for (const { key: storedKey, name, value } of this.#reader.newestAfter(key, limit)) {
      yield { key: restOfKey(storedKey), newest: waiting.get(name) ?? this.#parse(storedKey, value) }
    }
  }

  #parse(key: Uint8Array, value: Uint8Array): Newest {
    return parse(unseal(key, value, () => `The version of a key of topic ${this.#reader.name}`))
  }

  #load(): Map<string, Newest> {
    if (this.#waiting) return this.#waiting
    const waiting = new Map<string, Newest>()
    const key = indexedKey(this.#reader.number)
    const value = this.#store.get(key)
    const complete = value ? Number(unseal(key, value, () => `The index of topic ${this.#reader.name}`)) : 0
    for (const { block } of this.#reader.blocks(complete)) {
      if (!block) continue
      for (let index = block.indexAfter(complete); index < block.count; index++) {
        const stored = block.recordAt(index)
        if (!stored || isTrimmed(stored)) continue
        const { event, offset, stale } = logRecordOf(stored, block.appendedAt)
        if (event.key !== undefined && !stale) waiting.set(event.key, { offset, version: versionOf(event, offset) })
      }
    }
    this.#waiting = waiting
    return waiting
  }
}

export function formatNewest({ offset, version }: Newest): string {
  return `${offset} ${version.sourceepoch} ${version.sequence}`
}

function parse(text: string): Newest {
  const [offset, sourceepoch, sequence] = text.split(' ')
  return { offset: Number(offset), version: { sourceepoch: Number(sourceepoch), sequence: sequence! } }
}
