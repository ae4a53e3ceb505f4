import type { Broker, Caller } from '../broker/port/broker.ts'
import type { PublishAnswer } from '../broker/port/events.ts'
import { Backoff, within, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { Event, Position } from '../event/index.ts'
import { messageOf } from './client.ts'
import { NewLife } from './new-life.ts'
import type { Raise } from './report.ts'

export interface PublisherOptions {
  readonly broker: Broker
  readonly caller: Caller
  readonly topic: string
  readonly environment: Environment
  readonly raise: Raise
  readonly signal: AbortSignal
  /** Where the topic ended when this life was looked at. */
  readonly position: Position
  readonly count: (answered: 'published' | 'refused') => void
}

const answerWithinMs = 30_000
const mostEvents = 500
const mostBytes = 1_048_576
/** Refused rows of which somebody is told within a minute; the others are counted. */
const mostTold = 10

/** Errors of a whole call that one of its events can be the reason of. */
const perhapsOneEvent = new Set([
  'bad-request',
  'event-invalid',
  'payload-too-large',
  'schema-violation',
  'key-invalid',
])

/**
 * Publishes events in order and comes back when the broker has answered for every one of them: taken, known already, or
 * refused, which is told. While the broker is out of reach it tries again until the signal aborts.
 */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #backoff: Backoff
  #told = { since: -Infinity, count: 0 }
  /** Where the newest event that was stored stands in the topic. */
  position: Position

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.environment)
    this.position = options.position
  }

  async publish(events: readonly Event[]): Promise<void> {
    let start = 0
    let bytes = 0
    for (const [place, event] of events.entries()) {
      const size = event.data?.length ?? 0
      if (place > start && (place - start >= mostEvents || bytes + size > mostBytes)) {
        await this.#publishCall(events.slice(start, place))
        start = place
        bytes = 0
      }
      bytes += size
    }
    if (events.length > start) await this.#publishCall(start === 0 ? events : events.slice(start))
  }

  /** Whether the topic is another one than that of which something was published, which else shows with the next event. */
  async endedTopic(): Promise<NewLife | undefined> {
    const { broker, caller, topic } = this.#options
    try {
      const { head } = await broker.topic(caller, topic)
      return lifeOf(head) === lifeOf(this.position) ? undefined : this.#topicEnded()
    } catch (error) {
      if (error instanceof TidingsError && error.code === 'topic-unknown') return this.#topicEnded()
      throw error
    }
  }

  async #publishCall(events: readonly Event[]): Promise<void> {
    let waiting = events
    while (waiting.length > 0) {
      const answers = await this.#answers(waiting)
      if (!answers) return
      waiting = waiting.filter((event, place) => this.#waitsAgain(event, answers[place]!))
    }
  }

  /** The broker's answers; `undefined` when the events were published in smaller calls instead. */
  async #answers(events: readonly Event[]): Promise<readonly PublishAnswer[] | undefined> {
    const { broker, caller, topic, signal } = this.#options
    for (;;) {
      try {
        const request = { topic, events: events.map((event) => ({ event })) }
        const answers = await this.#within(() => broker.publish(caller, request))
        this.#backoff.reset()
        return answers
      } catch (error) {
        if (signal.aborted) throw stoppedEarly()
        const code = error instanceof TidingsError ? error.code : undefined
        if (code === 'topic-unknown') throw this.#topicEnded()
        if (code !== undefined && perhapsOneEvent.has(code)) {
          if (events.length === 1) return [{ status: 'refused', code, message: messageOf(error) }]
          const half = Math.ceil(events.length / 2)
          await this.#publishCall(events.slice(0, half))
          await this.#publishCall(events.slice(half))
          return undefined
        }
        await this.#pause(error)
      }
    }
  }

  async #pause(error: unknown): Promise<void> {
    const { topic, raise, signal } = this.#options
    if (this.#backoff.failures === 0) {
      const message = `The broker does not take changes for ${topic}: ${messageOf(error)} It will be tried again, and PostgreSQL keeps its log meanwhile.`
      raise({ alarm: 'broker-failing', message, error })
    }
    await this.#backoff.pause(signal)
  }

  /** Whether an event has to be published once more; says so when it is refused for good. */
  #waitsAgain(event: Event, answer: PublishAnswer): boolean {
    const { topic, raise, count } = this.#options
    if (answer.status !== 'refused') {
      if ('position' in answer && answer.position !== undefined) this.#saw(answer.position)
      count('published')
      return false
    }
    if (answer.code === 'behind-refused') return true
    // Its id says its key and version: a row that was read twice between two changes of it.
    if (answer.code === 'id-conflict') return false
    count('refused')
    if (this.#mayTell()) {
      const message = `The broker refused the row "${event.key}" for ${topic}: ${answer.message} Copies keep its older state until it changes again, or until relist().`
      raise({ alarm: 'refused', message, key: event.key!, code: answer.code, reason: answer.message })
    }
    return false
  }

  /** A schema that fits no row must not flood whoever is told. */
  #mayTell(): boolean {
    const now = this.#options.environment.clock.monotonic()
    if (now - this.#told.since >= 60_000) this.#told = { since: now, count: 0 }
    this.#told.count += 1
    return this.#told.count <= mostTold
  }

  #saw(position: Position): void {
    if (lifeOf(position) !== lifeOf(this.position)) throw this.#topicEnded()
    this.position = position
  }

  #topicEnded(): NewLife {
    return new NewLife(`The topic ${this.#options.topic} has begun another life, or is gone.`, { keepsSlot: true })
  }

  async #within<Result>(call: () => Promise<Result>): Promise<Result> {
    const { environment, signal } = this.#options
    signal.throwIfAborted()
    return within(call(), {
      environment,
      timeoutMs: answerWithinMs,
      signal,
      late: () => new TidingsError('unavailable', `The broker did not answer within ${answerWithinMs} ms.`),
      aborted: stoppedEarly,
    })
  }
}

function stoppedEarly(): TidingsError {
  return new TidingsError('stopped', 'The capture was stopped before the broker answered.')
}

function lifeOf(position: Position): string {
  return position.split('.')[0]!
}
