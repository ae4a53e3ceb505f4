import type { Event } from '../event/index.ts'

const encoder = new TextEncoder()

/**
 * The shard of an event: a stable hash (FNV-1a, 32 bits, over UTF-8) of its key, or of its identity where it has none.
 * Engines store its result, so it never changes.
 */
export function shardOf(event: Event, shards: number): number {
  if (shards === 1) return 0
  let hash = 0x811c9dc5
  for (const byte of encoder.encode(event.key ?? `${event.source}\n${event.id}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return (hash >>> 0) % shards
}
