import type { PublishAnswer, PublishedEvent } from '../broker/port/events.ts'
import { TidingsError } from '../errors.ts'
import { protocolLimits } from '../protocol/index.ts'

/** Well below what a server takes at once, because sizes are estimates. */
const batchBytes = protocolLimits.bodyBytes / 2

/** One call of `publish`. */
interface Call {
  readonly events: readonly PublishedEvent[]
  readonly answers: PublishAnswer[]
  /** The places of the events that are to be sent, in order. */
  waiting: number[]
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
 * A server holds back what follows a refused event of the same key or producer in one request. Where that was another
 * call's event, the rest is sent again instead: one call's fault is no business of another.
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
      const waiting = [...events.keys()]
      const fresh = { waiting, open: events.length, answers: [], refused: new Set<string>(), alone: false }
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
        this.#receive(batch, answers)
      } catch (error) {
        this.#fail(batch, error)
      }
    }
    this.#sending = undefined
  }

  /** The next events that go together, in the order of the calls. */
  #takeBatch(): Sent[] {
    const batch: Sent[] = []
    let bytes = 0
    for (const call of [...this.#calls]) {
      const first = batch[0]?.call
      if (first && (first.alone || call.alone)) break
      for (let index = call.waiting[0]; index !== undefined; index = call.waiting[0]) {
        const event = call.events[index]!
        if (isHeldBack(call, event)) {
          call.waiting.shift()
          this.#answer(call, index, behindRefused)
          continue
        }
        bytes += sizeOf(event)
        if (batch.length > 0 && (batch.length === protocolLimits.events || bytes > batchBytes)) return batch
        call.waiting.shift()
        batch.push({ call, index })
      }
    }
    return batch
  }

  #receive(batch: readonly Sent[], answers: readonly PublishAnswer[]): void {
    const shared = batch[0]!.call !== batch.at(-1)!.call
    const again: Sent[] = []
    for (const [place, { call, index }] of batch.entries()) {
      const answer = answers[place]!
      const isBehind = answer.status === 'refused' && answer.code === 'behind-refused'
      if (shared && isBehind && !isHeldBack(call, call.events[index]!)) again.push({ call, index })
      else this.#answer(call, index, answer)
    }
    putBack(again)
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
      putBack(batch)
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

function isHeldBack(call: Call, event: PublishedEvent): boolean {
  return call.refused.size > 0 && marksOf(event).some((mark) => call.refused.has(mark))
}

/** To be sent again, before what was not sent yet. */
function putBack(sent: readonly Sent[]): void {
  for (const { call, index } of sent.toReversed()) call.waiting.unshift(index)
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
  const { id, source, type, key, subject, dataschema, extensions, data } = event
  let characters = lengthOf(id) + lengthOf(source) + lengthOf(type)
  characters += lengthOf(key) + lengthOf(subject) + lengthOf(dataschema)
  for (const name in extensions) characters += name.length + lengthOf(extensions[name])
  return 400 + characters * 3 + (data?.length ?? 0)
}

/** Numbers and booleans are short; that something else is no text is for the server to say. */
function lengthOf(value: unknown): number {
  return typeof value === 'string' ? value.length : 0
}
