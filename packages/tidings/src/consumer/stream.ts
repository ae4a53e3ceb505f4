import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Delivery, DeliveryStream, StreamProgress, StreamRequest } from '../broker/port/deliveries.ts'

export interface OpenStreamOptions {
  readonly broker: Broker
  readonly caller: Caller
  readonly request: Pick<StreamRequest, 'subscription' | 'holder' | 'leases'>
  readonly onDeliveries: (deliveries: readonly Delivery[]) => void
  readonly onProgress: (progress: StreamProgress) => void
}

/** A stream with its credit counted, whose end can be awaited. */
export interface OpenStream {
  readonly kept: readonly string[]
  /** Resolves when the stream has ended: with the reason when it did so on its own. */
  readonly closed: Promise<Error | undefined>
  /** Grants what is missing so that `wanted` more deliveries may come, in portions worth a message. */
  keepCredit(wanted: number): void
  /** Ends it in good order, whatever the broker says to that; `reason` is what `closed` resolves with. */
  end(reason?: Error): Promise<void>
}

/** So many leases are remembered at least, to know a frame that the network repeats, and twice as many at most. */
const rememberedLeases = 10_000

export async function openStream(options: OpenStreamOptions): Promise<OpenStream> {
  const seen = new Recent()
  let credit = 0
  let ended = false
  let finish: ((reason: Error | undefined) => void) | undefined
  const closed = new Promise<Error | undefined>((resolve) => {
    finish = (reason) => {
      ended = true
      resolve(reason)
    }
  })
  const stream: DeliveryStream = await options.broker.stream(options.caller, {
    ...options.request,
    onDeliveries(deliveries) {
      if (ended) return
      // A lease is given once. What comes again was not paid for with credit and is in somebody's hands, or was.
      const fresh = deliveries.filter(({ lease }) => !seen.has(lease))
      for (const { lease } of fresh) seen.add(lease)
      credit -= fresh.length
      options.onDeliveries(fresh)
    },
    onProgress(progress) {
      if (!ended) options.onProgress(progress)
    },
    onClosed: (reason) => finish?.(reason),
  })
  return {
    kept: stream.kept,
    closed,
    keepCredit(wanted) {
      const missing = wanted - credit
      if (ended || missing <= 0 || (missing < wanted / 4 && credit > 0)) return
      credit += missing
      stream.grant(missing)
    },
    async end(reason) {
      if (ended) return
      finish?.(reason)
      await stream.close().catch(() => undefined)
    },
  }
}

/** Leases in two generations, of which the older one is forgotten as a whole. */
class Recent {
  #newer = new Set<string>()
  #older: ReadonlySet<string> = new Set()

  has(lease: string): boolean {
    return this.#newer.has(lease) || this.#older.has(lease)
  }

  add(lease: string): void {
    this.#newer.add(lease)
    if (this.#newer.size < rememberedLeases) return
    this.#older = this.#newer
    this.#newer = new Set()
  }
}
