interface Waiting {
  readonly count: number
  readonly resolve: () => void
}

/** Holds a producer back while it is too far ahead of its slowest consumer. */
export class Room {
  readonly #handled: number[]
  readonly #waiting: Waiting[] = []
  #slowest = 0
  #free: number

  constructor(subscriptions: number, mostAhead: number) {
    this.#handled = Array.from({ length: subscriptions }, () => 0)
    this.#free = mostAhead
  }

  /** A subscription has handled one message more. */
  handled(subscription: number): void {
    const count = this.#handled[subscription]!
    this.#handled[subscription] = count + 1
    if (count !== this.#slowest) return
    const slowest = Math.min(...this.#handled)
    this.#free += slowest - this.#slowest
    this.#slowest = slowest
    this.#letGo()
  }

  /** Resolves, at once where it can, when so many messages may be published. */
  take(count: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#free >= count) {
      this.#free -= count
      return undefined
    }
    return new Promise((resolve) => this.#waiting.push({ count, resolve }))
  }

  /** Nobody is held back any more. */
  open(): void {
    this.#free = Number.POSITIVE_INFINITY
    this.#letGo()
  }

  #letGo(): void {
    for (let next = this.#waiting[0]; next && this.#free >= next.count; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= next.count
      next.resolve()
    }
  }
}
