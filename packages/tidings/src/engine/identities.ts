/**
 * The identities (`source`, `id`) of a topic's newest events: at most `maxIds` of them, none older than `maxAgeMs`.
 *
 * A million of them must fit into some 40 MB, so the strings are not kept: each identity is a 64-bit hash, and who
 * looks one up compares it with the stored event where that still exists. The entries form a ring in the order of
 * their offsets, linked into one chain for each bucket, newest first; a chain ends where it meets an entry that has
 * left the ring, so that entries leave without being searched for.
 */
export class IdentityWindow {
  readonly maxIds: number
  readonly maxAgeMs: number
  #ring = createRing(256)
  /** Entries are numbered from 1; those from `#oldest` up to, not including, `#next` are held. */
  #oldest = 1
  #next = 1

  constructor({ maxIds, maxAgeMs }: { maxIds: number; maxAgeMs: number }) {
    this.maxIds = maxIds
    this.maxAgeMs = maxAgeMs
  }

  /** How many identities it holds at the time `now`. */
  size(now: number): number {
    this.#expire(now)
    return this.#next - this.#oldest
  }

  /** What `rewind` goes back to. */
  mark(): IdentityMark {
    return { oldest: this.#oldest, next: this.#next }
  }

  /** Offsets must grow from one entry to the next. */
  add(hash: IdentityHash, offset: number, at: number): void {
    this.#expire(at)
    this.restore(hash, offset, at)
  }

  /** The same for one that the window held before: nothing expires by it. */
  restore(hash: IdentityHash, offset: number, at: number): void {
    if (this.#next - this.#oldest >= this.maxIds) this.#oldest += 1
    if (this.#next - this.#oldest >= this.#ring.capacity) this.#grow()
    link(this.#ring, { entry: this.#next, low: hash.low, high: hash.high, offset, at })
    this.#next += 1
  }

  /**
   * The offset of an identity; `isSame` says whether the event at an offset has it, or `undefined` where that event is
   * gone and the hash has to do.
   */
  first({ low, high }: IdentityHash, now: number, isSame: (offset: number) => boolean | undefined): number | undefined {
    this.#expire(now)
    const ring = this.#ring
    let found: number | undefined
    for (let entry = ring.buckets[low & ring.mask]!; entry >= this.#oldest; entry = ring.previous[entry & ring.mask]!) {
      const slot = entry & ring.mask
      if (ring.low[slot] !== low || ring.high[slot] !== high) continue
      const offset = ring.offsets[slot]!
      if (isSame(offset) !== false) found = offset
    }
    return found
  }

  /** Everything that it holds, in the order of offsets. */
  *entries(): Iterable<{ readonly hash: IdentityHash; readonly offset: number; readonly at: number }> {
    const { mask, low, high, offsets, times } = this.#ring
    for (let entry = this.#oldest; entry < this.#next; entry++) {
      const slot = entry & mask
      yield { hash: { low: low[slot]!, high: high[slot]! }, offset: offsets[slot]!, at: times[slot]! }
    }
  }

  /** Takes back every entry since `mark`: their events were not stored after all. */
  rewind(mark: IdentityMark): void {
    const ring = this.#ring
    for (let entry = this.#next - 1; entry >= mark.next; entry--) {
      const slot = entry & ring.mask
      ring.buckets[ring.low[slot]! & ring.mask] = ring.previous[slot]!
    }
    // Those that made room for them are still there, unless their place in the ring was taken.
    this.#oldest = Math.min(mark.next, Math.max(mark.oldest, this.#next - ring.capacity))
    this.#next = mark.next
  }

  #expire(now: number): void {
    const ring = this.#ring
    while (this.#oldest < this.#next && ring.times[this.#oldest & ring.mask]! < now - this.maxAgeMs) this.#oldest += 1
  }

  #grow(): void {
    const from = this.#ring
    const to = createRing(from.capacity * 2)
    for (let entry = this.#oldest; entry < this.#next; entry++) {
      const slot = entry & from.mask
      const [low, high] = [from.low[slot]!, from.high[slot]!]
      link(to, { entry, low, high, offset: from.offsets[slot]!, at: from.times[slot]! })
    }
    this.#ring = to
  }
}

/** 64 bits that stand for an identity; the seed, one for each topic, keeps others from choosing identities that collide. */
export interface IdentityHash {
  readonly low: number
  readonly high: number
}

export interface IdentityMark {
  readonly oldest: number
  readonly next: number
}

interface Ring {
  readonly capacity: number
  readonly mask: number
  readonly low: Int32Array
  readonly high: Int32Array
  readonly offsets: Float64Array
  readonly times: Float64Array
  /** The entry before in the same bucket; 0 where there is none. */
  readonly previous: Float64Array
  /** The newest entry of each bucket; 0 where there is none. */
  readonly buckets: Float64Array
}

function createRing(capacity: number): Ring {
  return {
    capacity,
    mask: capacity - 1,
    low: new Int32Array(capacity),
    high: new Int32Array(capacity),
    offsets: new Float64Array(capacity),
    times: new Float64Array(capacity),
    previous: new Float64Array(capacity),
    buckets: new Float64Array(capacity),
  }
}

function link(
  ring: Ring,
  { entry, low, high, offset, at }: { entry: number; low: number; high: number; offset: number; at: number },
): void {
  const slot = entry & ring.mask
  const bucket = low & ring.mask
  ring.low[slot] = low
  ring.high[slot] = high
  ring.offsets[slot] = offset
  ring.times[slot] = at
  ring.previous[slot] = ring.buckets[bucket]!
  ring.buckets[bucket] = entry
}

export function identityHash(source: string, id: string, seed: number): IdentityHash {
  let low = seed ^ source.length
  let high = Math.imul(seed, 0x9e3779b1) ^ id.length
  for (let index = 0; index < source.length; index++) {
    const unit = source.charCodeAt(index)
    low = Math.imul(low ^ unit, 0x01000193)
    high = Math.imul(high ^ unit, 0x5bd1e995) ^ (high >>> 15)
  }
  for (let index = 0; index < id.length; index++) {
    const unit = id.charCodeAt(index)
    low = Math.imul(low ^ unit, 0x01000193)
    high = Math.imul(high ^ unit, 0x5bd1e995) ^ (high >>> 15)
  }
  return {
    low: Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ (high >>> 13),
    high: Math.imul(high ^ (high >>> 13), 0xc2b2ae35) ^ (low >>> 16),
  }
}
