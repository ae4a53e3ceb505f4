import type { Report } from '../consumer/index.ts'
import type { Environment } from '../environment/index.ts'
import type { Unreadable } from './change.ts'

const everyMs = 60_000

/** Alarms about events that a copy cannot read: the first at once, then once a minute with how many came since. */
export class UnreadReport {
  readonly #parts: { readonly environment: Environment; readonly report: Report }
  readonly #replica: string
  #since = -Infinity
  #leftOut = 0

  constructor(parts: { readonly environment: Environment; readonly report: Report }, replica: string) {
    this.#parts = parts
    this.#replica = replica
  }

  tell(unreadable: readonly Unreadable[]): void {
    const [first] = unreadable
    if (!first) return
    const now = this.#parts.environment.clock.monotonic()
    if (now - this.#since < everyMs) {
      this.#leftOut += unreadable.length
      return
    }
    const more = this.#leftOut + unreadable.length - 1
    this.#since = now
    this.#leftOut = 0
    const others = more === 0 ? '' : ` So were ${more} more events, which were not written down.`
    this.#parts.report({
      level: 'error',
      message: `Replica ${this.#replica} cannot copy an event, so that the row of its key is older than it should be, or absent, until a newer state can be read (${first.message}).${others}`,
      error: first,
      details: { replica: this.#replica, key: first.state?.key },
    })
  }
}
