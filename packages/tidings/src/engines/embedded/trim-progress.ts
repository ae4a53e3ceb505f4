/**
 * What a trim must look at again below the last one, so that it need not read everything that was kept. Lives in memory:
 * the first trim after a start, or after one that failed, looks at everything.
 */
export class TrimProgress {
  /** Whether everything below the last trim is as it should be, but for what stands here. */
  complete = false
  /** Offsets that were kept as the newest of their key and are not any more. */
  readonly replaced = new Set<number>()
  /** Offsets that the last trim was asked to keep. */
  kept: readonly number[] = []
  /** Blocks with identities that leave the deduplication window one day, oldest first. */
  identities: OldBlock[] = []
  /** Blocks with tombstones that were kept, oldest first. */
  tombstones: OldBlock[] = []
}

export interface OldBlock {
  readonly last: number
  readonly appendedAt: number
}

/** Takes out the blocks at the beginning, up to the first that `stays`. */
export function takeExpired(blocks: OldBlock[], stays: (block: OldBlock) => boolean): readonly OldBlock[] {
  const first = blocks.findIndex(stays)
  return blocks.splice(0, first === -1 ? blocks.length : first)
}

/** Offsets that a trim is asked to keep. */
export class Kept {
  readonly ascending: readonly number[]

  constructor(offsets: readonly number[], through: number) {
    const sorted = offsets.every((offset, index) => index === 0 || offsets[index - 1]! < offset)
      ? offsets
      : [...offsets].sort((left, right) => left - right)
    this.ascending = sorted.at(-1)! > through ? sorted.filter((offset) => offset <= through) : sorted
  }

  has(offset: number): boolean {
    return this.hasWithin(offset, offset)
  }

  /** Whether one of them is at or above `first` and at or below `last`. */
  hasWithin(first: number, last: number): boolean {
    let low = 0
    let high = this.ascending.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.ascending[middle]! < first) low = middle + 1
      else high = middle
    }
    return low < this.ascending.length && this.ascending[low]! <= last
  }
}
