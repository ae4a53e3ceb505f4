import { setTimeout as pause } from 'node:timers/promises'
import { TidingsError } from 'tidings'
import type { PublishAnswer } from 'tidings/broker'
import type { Event } from 'tidings/event'
import { CommandError } from '../failure.ts'
import type { Session } from '../session.ts'
import { count, visible } from '../text.ts'
import { linesOf, type Line } from './lines.ts'

export interface LineRequest {
  readonly topic: string
  readonly lines: AsyncIterable<Uint8Array>
  readonly eventOf: (bytes: Uint8Array) => Event
}

interface LineEvent {
  readonly number: number
  readonly event: Event
}

const batchEvents = 500
const batchBytes = 2_097_152
/** How long a server that was there may be gone: about a minute. */
const pausesMs = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000]

/**
 * Publishes one event for each line, in order. It ends where a line is at fault or refused: what comes later may
 * depend on it, so nothing after its batch is sent, and the error says where to go on.
 */
export async function publishLines(session: Session, request: LineRequest): Promise<void> {
  const publication = new LinePublication(session, request)
  for await (const lines of linesOf(request.lines)) await publication.take(lines)
  await publication.summarize()
}

class LinePublication {
  readonly #session: Session
  readonly #request: LineRequest
  readonly #counts = { stored: 0, duplicate: 0, refused: 0 }
  readonly #startedAt = performance.now()
  /** Every line up to here was answered. */
  #through = 0

  constructor(session: Session, request: LineRequest) {
    this.#session = session
    this.#request = request
  }

  async take(lines: readonly Line[]): Promise<void> {
    let batch: LineEvent[] = []
    let bytes = 0
    for (const line of lines) {
      const event = await this.#read(line, batch)
      bytes += event.data?.length ?? 0
      batch.push({ number: line.number, event })
      if (batch.length < batchEvents && bytes < batchBytes) continue
      await this.#publish(batch)
      batch = []
      bytes = 0
    }
    if (batch.length > 0) await this.#publish(batch)
  }

  async summarize(): Promise<void> {
    const { output } = this.#session
    if (output.json) return
    const { stored, duplicate } = this.#counts
    if (stored + duplicate === 0) return output.note('There was nothing to publish.')
    const known = duplicate === 0 ? '' : `, ${duplicate.toLocaleString('en-US')} were there already`
    await output.line(`Stored ${count(stored, 'event')} in ${this.#request.topic}${known}.`)
  }

  /** What stands before a bad line is published first, so that the error says the truth. */
  async #read({ number, bytes }: Line, before: readonly LineEvent[]): Promise<Event> {
    try {
      return this.#request.eventOf(bytes)
    } catch (error) {
      if (!(error instanceof TidingsError)) throw error
      if (before.length > 0) await this.#publish(before)
      throw new TidingsError(error.code, `Line ${number}: ${error.message} ${this.#standing()}`, {
        cause: error,
        details: { ...error.details, line: number, publishedThrough: this.#through },
      })
    }
  }

  async #publish(batch: readonly LineEvent[]): Promise<void> {
    const answers = await this.#send(batch.map(({ event }) => event))
    for (const [index, answer] of answers.entries()) await this.#report(batch[index]!, answer)
    this.#through = batch.at(-1)!.number
    const { stored, duplicate, refused } = this.#counts
    const rate = Math.round(((stored + duplicate) * 1000) / Math.max(1, performance.now() - this.#startedAt))
    this.#session.output.progress(`${count(stored + duplicate, 'event')} published, ${rate.toLocaleString('en-US')}/s`)
    if (refused === 0) return
    throw new CommandError(
      `${count(refused, 'line')} refused; the others up to line ${this.#through} are stored, nothing after it was sent.`,
    )
  }

  async #report({ number, event }: LineEvent, answer: PublishAnswer): Promise<void> {
    const { output } = this.#session
    if (answer.status !== 'spooled') this.#counts[answer.status]++
    if (output.json) await output.show({ line: number, id: event.id, source: event.source, ...answer }, () => '')
    else if (answer.status === 'refused') output.error(visible(`Line ${number}: ${answer.message}`))
  }

  /** The same events again while the server is gone: their ids make that safe. */
  async #send(events: readonly Event[]): Promise<readonly PublishAnswer[]> {
    const { broker, caller, output } = this.#session
    const { topic } = this.#request
    for (let attempt = 0; ; attempt++) {
      try {
        return await broker.publish(caller, { topic, events: events.map((event) => ({ event })) })
      } catch (error) {
        if (!(error instanceof TidingsError)) throw error
        const pauseMs = pausesMs[attempt]
        // A server that was never there is not waited for.
        if (!error.retryable || this.#through === 0 || pauseMs === undefined) throw this.#failed(error)
        output.note(`${error.message} Trying again in ${pauseMs / 1000} s.`)
        await pause(pauseMs)
      }
    }
  }

  #failed(error: TidingsError): TidingsError {
    return new TidingsError(error.code, `${error.message} ${this.#standing()}`, {
      cause: error,
      details: { ...error.details, publishedThrough: this.#through },
    })
  }

  #standing(): string {
    return this.#through === 0
      ? 'Nothing was stored before it.'
      : `Everything up to line ${this.#through} is stored; go on after it.`
  }
}
