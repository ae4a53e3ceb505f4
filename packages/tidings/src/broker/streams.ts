import { TidingsError } from '../errors.ts'
import type { Delivery, StreamProgress, StreamRequest } from './port.ts'

export interface Stream {
  readonly holder: string
  readonly request: StreamRequest
  credit: number
  /** Deliveries reach their holder in the order in which they were claimed. */
  delivering: Promise<void>
  open: boolean
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

  /** Sends what a claim of `claimed` deliveries has become; deliveries that were skipped give their credit back. */
  deliver(stream: Stream, claimed: number, deliveries: Promise<readonly Delivery[]>): void {
    stream.delivering = stream.delivering
      .then(async () => {
        const batch = await deliveries
        stream.credit += claimed - batch.length
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
