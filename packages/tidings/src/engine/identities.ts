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
  readonly #seed: number
  #ring: Ring
  /** Entries are numbered from 1; those from `#oldest` up to, not including, `#next` are held. */
  #oldest = 1
  #next = 1

  constructor(options: { maxIds: number; maxAgeMs: number; seed: number }) {
    this.maxIds = options.maxIds
    this.maxAgeMs = options.maxAgeMs
    this.#seed = options.seed | 0
    this.#ring = createRing(256)
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
  add(entry: { source: string; id: string; offset: number; at: number }): void {
    this.#expire(entry.at)
    if (this.#next - this.#oldest >= this.maxIds) this.#oldest += 1
    if (this.#next - this.#oldest >= this.#ring.capacity) this.#grow()
    hash(entry.source, entry.id, this.#seed)
    this.#link(this.#ring, this.#next, entry.offset, entry.at)
    this.#next += 1
  }

  /**
   * The offset of an identity; `isSame` says whether the event at an offset has it, or `undefined` where that event is
   * gone and the hash has to do.
   */
  first(source: string, id: string, now: number, isSame: (offset: number) => boolean | undefined): number | undefined {
    this.#expire(now)
    const ring = this.#ring
    hash(source, id, this.#seed)
    const low = hashLow
    const high = hashHigh
    let found: number | undefined
    for (let entry = ring.buckets[low & ring.mask]!; entry >= this.#oldest; entry = ring.previous[entry & ring.mask]!) {
      const slot = entry & ring.mask
      if (ring.low[slot] !== low || ring.high[slot] !== high) continue
      const offset = ring.offsets[slot]!
      if (isSame(offset) !== false) found = offset
    }
    return found
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

  #link(ring: Ring, entry: number, offset: number, at: number): void {
    const slot = entry & ring.mask
    const bucket = hashLow & ring.mask
    ring.low[slot] = hashLow
    ring.high[slot] = hashHigh
    ring.offsets[slot] = offset
    ring.times[slot] = at
    ring.previous[slot] = ring.buckets[bucket]!
    ring.buckets[bucket] = entry
  }

  #grow(): void {
    const from = this.#ring
    const to = createRing(from.capacity * 2)
    for (let entry = this.#oldest; entry < this.#next; entry++) {
      const slot = entry & from.mask
      hashLow = from.low[slot]!
      hashHigh = from.high[slot]!
      this.#link(to, entry, from.offsets[slot]!, from.times[slot]!)
    }
    this.#ring = to
  }
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

// Two results without an object for each call: this runs for every event.
let hashLow = 0
let hashHigh = 0

function hash(source: string, id: string, seed: number): void {
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
  hashLow = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ (high >>> 13)
  hashHigh = Math.imul(high ^ (high >>> 13), 0xc2b2ae35) ^ (low >>> 16)
}
