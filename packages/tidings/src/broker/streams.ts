import { TidingsError } from '../errors.ts'
import type { Delivery, StreamProgress, StreamRequest } from './port/deliveries.ts'

export interface Stream {
  readonly holder: string
  readonly request: StreamRequest
  credit: number
  /** Deliveries reach their holder in the order in which they were claimed. */
  delivering: Promise<void>
  open: boolean
}

/** Somebody who waits for an answer to a pull. */
export interface Puller {
  readonly max: number
  readonly leaseMs: number
  readonly answer: (deliveries: Promise<Delivery[]>) => void
}

/** Deliveries on their way to whoever asked for them. */
export interface Claimed {
  readonly count: number
  readonly deliveries: Promise<Delivery[]>
  /**
   * Whether its lease has not ended meanwhile: whoever failed with an event, and was told that the broker knows, must not
   * get what followed it in its run after that.
   */
  readonly isHeld: (delivery: Delivery) => boolean
}

/** The open streams of one subscription. */
export class Streams {
  readonly #streams = new Map<string, Stream>()

  get size(): number {
    return this.#streams.size
  }

  [Symbol.iterator](): IterableIterator<Stream> {
    return this.#streams.values()
  }

  /** A holder has one stream: an older one of the same name is broken. */
  open(request: StreamRequest): Stream {
    const before = this.#streams.get(request.holder)
    if (before) this.break(before, new TidingsError('lease-lost', `Holder ${request.holder} opened another stream.`))
    const stream: Stream = { holder: request.holder, request, credit: 0, delivering: Promise.resolve(), open: true }
    this.#streams.set(request.holder, stream)
    return stream
  }

  /**
   * Claims for every stream as much as it has credit for, whoever was served longest ago first. While there is a limit
   * it is shared out evenly, and what one leaves another may take.
   */
  serve(gate: { allowance(): number }, claim: (holder: string, max: number) => Claimed | undefined): void {
    for (let again = true; again;) {
      again = false
      const waiting = [...this.#streams.values()].filter(({ credit }) => credit > 0)
      for (const [index, stream] of waiting.entries()) {
        const share = Math.ceil(gate.allowance() / (waiting.length - index))
        const claimed = claim(stream.holder, Math.min(stream.credit, share))
        if (!claimed) continue
        again = Number.isFinite(share)
        stream.credit -= claimed.count
        this.#streams.delete(stream.holder)
        this.#streams.set(stream.holder, stream)
        this.#deliver(stream, claimed)
      }
    }
  }

  /** Sends what a claim has become; what was skipped, or is not held any more, gives its credit back. */
  #deliver(stream: Stream, { count, deliveries, isHeld }: Claimed): void {
    stream.delivering = stream.delivering
      .then(async () => {
        const batch = (await deliveries).filter(isHeld)
        stream.credit += count - batch.length
        if (stream.open && batch.length > 0) stream.request.onDeliveries(batch)
      })
      .catch((error: unknown) => this.break(stream, error as Error))
  }

  /** Forgets a stream; answers whether it was still open. */
  end(stream: Stream): boolean {
    if (!stream.open) return false
    stream.open = false
    if (this.#streams.get(stream.holder) === stream) this.#streams.delete(stream.holder)
    return true
  }

  /** Ends a stream from this side and tells its holder why. */
  break(stream: Stream, reason: Error): void {
    if (this.end(stream)) stream.request.onClosed(reason)
  }

  announce(progress: StreamProgress): void {
    for (const stream of this.#streams.values()) stream.request.onProgress?.(progress)
  }
}
