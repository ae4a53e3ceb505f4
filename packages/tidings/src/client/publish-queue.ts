import type { PublishAnswer, PublishedEvent } from '../broker/port.ts'
import { TidingsError } from '../errors.ts'
import { protocolLimits } from '../protocol/index.ts'

/** Well below what a server takes at once, because sizes are estimates. */
const batchBytes = protocolLimits.bodyBytes / 2

/** One call of `publish`. */
interface Call {
  readonly events: readonly PublishedEvent[]
  readonly answers: PublishAnswer[]
  /** The first event that was not sent. */
  next: number
  /** How many are not answered. */
  open: number
  /** Keys and producers of which an event was refused: what follows them must not overtake it. */
  readonly refused: Set<string>
  /** Sent without the company of others, because together they were refused. */
  alone: boolean
  readonly resolve: (answers: readonly PublishAnswer[]) => void
  readonly reject: (error: unknown) => void
}

interface Sent {
  readonly call: Call
  readonly index: number
}

type Send = (events: readonly PublishedEvent[]) => Promise<readonly PublishAnswer[]>

/**
 * The way of one caller's events into one topic: concurrent calls share batches, and at most one batch is in flight, so
 * that events arrive in the order of the calls. When nothing is known of a batch, it is rejected together with
 * everything that waits behind it: none of that may overtake what the caller will publish again.
 *
 * Calls share a batch only if they have no key and no producer in common, because a refusal holds back what follows it
 * in the same request, and one call's fault is no business of another.
 */
export class PublishQueue {
  readonly #send: Send
  readonly #calls = new Set<Call>()
  #sending: Promise<void> | undefined

  constructor(send: Send) {
    this.#send = send
  }

  publish(events: readonly PublishedEvent[]): Promise<readonly PublishAnswer[]> {
    if (events.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      const fresh = { next: 0, open: events.length, answers: [], refused: new Set<string>(), alone: false }
      this.#calls.add({ events, ...fresh, resolve, reject })
      this.#sending ??= this.#sendAll()
    })
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#sending
  }

  async #sendAll(): Promise<void> {
    // What is published in the same turn goes together.
    await Promise.resolve()
    while (this.#calls.size > 0) {
      const batch = this.#takeBatch()
      if (batch.length === 0) continue
      try {
        const answers = await this.#send(batch.map(({ call, index }) => call.events[index]!))
        for (const [place, { call, index }] of batch.entries()) this.#answer(call, index, answers[place]!)
      } catch (error) {
        this.#fail(batch, error)
      }
    }
    this.#sending = undefined
  }

  /** The next events that may go together, in the order of the calls. */
  #takeBatch(): Sent[] {
    const batch: Sent[] = []
    const taken = new Set<string>()
    let bytes = 0
    for (const call of [...this.#calls]) {
      const marks = call.events.slice(call.next).flatMap(marksOf)
      const first = batch[0]?.call
      if (first && (first.alone || call.alone || marks.some((mark) => taken.has(mark)))) break
      for (; call.next < call.events.length; call.next++) {
        const event = call.events[call.next]!
        if (marksOf(event).some((mark) => call.refused.has(mark))) {
          this.#answer(call, call.next, behindRefused)
          continue
        }
        bytes += sizeOf(event)
        if (batch.length > 0 && (batch.length === protocolLimits.events || bytes > batchBytes)) return batch
        batch.push({ call, index: call.next })
      }
      for (const mark of marks) taken.add(mark)
    }
    return batch
  }

  #answer(call: Call, index: number, answer: PublishAnswer): void {
    call.answers[index] = answer
    if (answer.status === 'refused') for (const mark of marksOf(call.events[index]!)) call.refused.add(mark)
    if (--call.open > 0) return
    this.#calls.delete(call)
    call.resolve(call.answers)
  }

  #fail(batch: readonly Sent[], error: unknown): void {
    const calls = new Set(batch.map(({ call }) => call))
    const refused = isRefusal(error)
    if (refused && calls.size > 1) {
      // Nothing of it was stored, and only one of them may be at fault.
      for (const { call, index } of batch.toReversed()) call.next = index
      for (const call of calls) call.alone = true
      return
    }
    for (const call of refused ? calls : [...this.#calls]) {
      this.#calls.delete(call)
      call.reject(error)
    }
  }
}

const behindRefused: PublishAnswer = {
  status: 'refused',
  code: 'behind-refused',
  message:
    'An earlier event of the same key or producer in the same call was refused; publish this one again after it.',
}

/** Whether the server said that it stored nothing and never will. What breaks the protocol says nothing of the kind. */
function isRefusal(error: unknown): boolean {
  return error instanceof TidingsError && !error.retryable && !error.code.startsWith('protocol-')
}

function marksOf({ event, producer }: PublishedEvent): string[] {
  const marks: string[] = []
  if (event.key !== undefined) marks.push(`key ${event.key}`)
  if (producer) marks.push(`producer ${producer.id}`)
  return marks
}

/** About the bytes that an event takes in a frame. */
function sizeOf({ event }: PublishedEvent): number {
  const { data, extensions, ...attributes } = event
  let characters = 0
  for (const each of Object.values({ ...attributes, ...extensions })) characters += String(each).length
  return 300 + characters * 3 + (data?.length ?? 0)
}
