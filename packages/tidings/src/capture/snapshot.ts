/**
 * What a transaction sees (`pg_snapshot`: `xmin:xmax:xip,…`). The order of commits in the log is not the order in which
 * they become visible: a commit is in the log while its session still waits for a standby. So whoever has seen a commit
 * in the log asks here whether a reader of the tables sees it too.
 */
export class Snapshot {
  readonly #oldest: bigint
  readonly #next: bigint
  readonly #open: ReadonlySet<bigint>

  constructor(text: string) {
    const [oldest = '', next = '', open = ''] = text.split(':')
    this.#oldest = BigInt(oldest)
    this.#next = BigInt(next)
    this.#open = new Set(open === '' ? [] : open.split(',').map(BigInt))
  }

  /** Whether everything of a recent transaction is seen; the log has the last 32 bits of its number. */
  sees(xid: number): boolean {
    const round = 1n << 32n
    const near = (this.#next / round) * round + BigInt(xid)
    // The one of its kind that is nearest to the transactions which come next.
    const full = near - this.#next > round / 2n ? near - round : this.#next - near > round / 2n ? near + round : near
    return full < this.#next && !this.#open.has(full)
  }

  /** Whether every transaction before this one is over. */
  isAfter(transaction: string): boolean {
    return this.#oldest >= BigInt(transaction)
  }
}
