import type { Delivery } from 'tidings/broker'
import type { Sent } from './endpoint.ts'

const mostEvents = 100
const mostBytes = 1_048_576

interface Waiting {
  readonly delivery: Delivery
  readonly resolve: (sent: Sent) => void
}

/**
 * Collects deliveries into batches, one request at a time: whatever comes while one is under way goes in the next.
 * What failed before goes alone, so that an event that a receiver does not take keeps no others back for good.
 */
export class Batches {
  readonly #send: (deliveries: readonly Delivery[]) => Promise<Sent>
  readonly #waiting: Waiting[] = []
  #sending = false

  constructor(send: (deliveries: readonly Delivery[]) => Promise<Sent>) {
    this.#send = send
  }

  /** Resolves with what became of the batch that the delivery was in. */
  add(delivery: Delivery): Promise<Sent> {
    return new Promise((resolve) => {
      this.#waiting.push({ delivery, resolve })
      if (!this.#sending) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#sending = true
    // What the broker sent together arrives within one turn.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#fitting())
      const sent = await this.#send(batch.map(({ delivery }) => delivery))
      for (const { resolve } of batch) resolve(sent)
    }
    this.#sending = false
  }

  #fitting(): number {
    if (this.#waiting[0]!.delivery.attempt > 1) return 1
    let bytes = 0
    const end = this.#waiting.findIndex(({ delivery: { attempt, event } }, index) => {
      bytes += event.data?.length ?? 0
      return index > 0 && (index === mostEvents || attempt > 1 || bytes > mostBytes)
    })
    return end === -1 ? this.#waiting.length : end
  }
}
