/**
 * What a trim must look at again below the last one, so that it need not read everything that was kept. Lives in memory:
 * the first trim after a start, or after one that failed, looks at everything.
 */
export class TrimProgress {
  /** Whether everything below the last trim is as it should be, but for what stands here. */
  complete = false
  /** Offsets that were kept as the newest of their key and are not any more. */
  readonly replaced = new Set<number>()
  /** Blocks with identities that leave the deduplication window one day, oldest first. */
  identities: { readonly last: number; readonly appendedAt: number }[] = []
}
