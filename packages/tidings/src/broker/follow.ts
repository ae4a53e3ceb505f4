import type { Engine, LogDescription, LogRecord, TopicId } from '../engine/index.ts'
import { compileFilter } from '../delivery/index.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { formatPosition, type Event } from '../event/index.ts'
import { versioned } from './hand-out.ts'
import type { Namespace } from './namespace.ts'
import type { FollowRequest, Follower, PositionedEvent } from './port/events.ts'

/** How often the log is looked at when no hint comes. */
const lookEveryMs = 1_000
/** What one page should hold in payloads; how many events that is, the page before says. */
const pageBytes = 262_144
const firstLimit = 10
const longestLimit = 200

interface Parts {
  readonly engine: Engine
  readonly environment: Environment
}

/** A page of a topic, as everybody has it who reads on from the same place. */
interface Page {
  readonly until: number
  readonly damaged: readonly number[]
  readonly events: readonly PositionedEvent[]
  /** How many records the next one may have. */
  readonly nextLimit: number
  /** Of the topic, after the page was read: what was trimmed before is missing in it, what is trimmed later is not. */
  readonly description: LogDescription
}

/**
 * Reads pages for followers: those who ask for the same one at the same time, as all do that are up to date, share it. One
 * whose reading began before the topic has grown is not for those who ask after that.
 */
class Pages {
  readonly #engine: Engine
  /** By topic, and place. */
  readonly #reading = new Map<string, Map<string, Promise<Page>>>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  read(id: TopicId, namespace: Namespace, place: { readonly after: number; readonly limit: number }): Promise<Page> {
    const topic = nameOf(id)
    const ofTopic = this.#reading.get(topic) ?? new Map<string, Promise<Page>>()
    this.#reading.set(topic, ofTopic)
    const name = `${place.after} ${place.limit}`
    const known = ofTopic.get(name)
    if (known) return known
    const reading = this.#read(id, namespace, place).finally(() => {
      ofTopic.delete(name)
      if (ofTopic.size === 0 && this.#reading.get(topic) === ofTopic) this.#reading.delete(topic)
    })
    ofTopic.set(name, reading)
    return reading
  }

  hasGrown(id: TopicId): void {
    this.#reading.delete(nameOf(id))
  }

  async #read(id: TopicId, namespace: Namespace, place: { after: number; limit: number }): Promise<Page> {
    const { records, until, damaged } = await this.#engine.log.read(id, place)
    const description = await namespace.describe(id.topic)
    const events = records
      .filter(({ erased, stale }) => !erased && !stale)
      .map(({ event, offset, appendedAt }) => ({
        position: formatPosition(description.incarnation, offset),
        appendedAt,
        event: versioned(event, offset, description.kind),
      }))
    return { until, damaged, events, nextLimit: nextLimit(records), description }
  }
}

const nameOf = ({ namespace, topic }: TopicId): string => `${namespace} ${topic}`

/** Whoever follows a topic at one broker. */
export class Follows {
  readonly #parts: Parts
  readonly #pages: Pages
  readonly #running = new Set<Follow>()

  constructor(parts: Parts) {
    this.#parts = parts
    this.#pages = new Pages(parts.engine)
  }

  async open(name: string, namespace: Namespace, request: FollowRequest): Promise<Follower> {
    const matches = compileFilter(request.filter ?? {})
    const place = await placeOf(namespace, request)
    const id = { namespace: name, topic: request.topic }
    const follow = new Follow({ ...this.#parts, pages: this.#pages, id, namespace, request, matches, place }, () => {
      this.#running.delete(follow)
    })
    this.#running.add(follow)
    return { position: formatPosition(place.incarnation, place.offset), close: () => follow.close() }
  }

  stop(): void {
    const reason = new TidingsError('stopped', 'The broker was stopped.')
    for (const follow of this.#running) follow.fail(reason)
  }
}

/** Where a follow goes on, in which life of its topic. */
interface Place {
  readonly incarnation: string
  readonly offset: number
  /** Why it is not where the follower was. */
  readonly reset?: string
}

async function placeOf(namespace: Namespace, { topic, after = 'end' }: FollowRequest): Promise<Place> {
  const { incarnation, head, trimmed } = await namespace.describe(topic)
  if (after === 'end') return { incarnation, offset: head }
  if (after === 'beginning') return { incarnation, offset: trimmed }
  try {
    return { incarnation, offset: await namespace.offsetAfter(topic, after) }
  } catch (error) {
    if (!(error instanceof TidingsError) || error.code !== 'position-unknown') throw error
    return { incarnation, offset: head, reset: error.message }
  }
}

interface FollowOptions extends Parts {
  readonly pages: Pages
  readonly id: TopicId
  readonly namespace: Namespace
  readonly request: FollowRequest
  readonly matches: (event: Event) => boolean
  readonly place: Place
}

/**
 * Reads a topic's log on behalf of one follower, page by page: the next page is not read before the follower has taken
 * the one before, so that a slow one costs no memory. What it missed by being slow is told by a reset.
 */
class Follow {
  readonly #options: FollowOptions
  readonly #onEnd: () => void
  readonly #stopWatching: () => void
  #place: Place
  #limit = firstLimit
  #ended = false
  #grown = false
  #wake: () => void = () => undefined

  constructor(options: FollowOptions, onEnd: () => void) {
    this.#options = options
    this.#onEnd = onEnd
    this.#place = options.place
    this.#stopWatching = options.engine.log.watch(options.id, () => {
      options.pages.hasGrown(options.id)
      this.#grown = true
      this.#wake()
    })
    void this.#run()
  }

  close(): void {
    if (this.#ended) return
    this.#ended = true
    this.#stopWatching()
    this.#onEnd()
    this.#wake()
  }

  fail(reason: Error): void {
    if (this.#ended) return
    this.close()
    this.#options.request.onClosed(reason)
  }

  async #run(): Promise<void> {
    try {
      // Whoever opened it has its answer first.
      await Promise.resolve()
      if (this.#place.reset !== undefined) await this.#reset(this.#place)
      while (!this.#ended) await this.#readOn()
    } catch (error) {
      this.fail(error as Error)
    }
  }

  async #readOn(): Promise<void> {
    const { pages, id, namespace, request, matches } = this.#options
    const { offset, incarnation } = this.#place
    this.#grown = false
    const page = await pages.read(id, namespace, { after: offset, limit: this.#limit })
    const { head, trimmed, incarnation: present } = page.description
    const missing = missingOf({ isSameLife: present === incarnation, isThere: trimmed <= offset, page })
    if (missing !== undefined) {
      this.#place = { incarnation: present, offset: head, reset: missing }
      return this.#reset(this.#place)
    }
    if (this.#ended) return
    const events = page.events.filter(({ event }) => matches(event))
    const until = formatPosition(incarnation, page.until)
    if (events.length > 0) await request.onEvents(events, until)
    else if (page.until > offset) request.onProgress?.(until)
    this.#place = { incarnation, offset: page.until }
    this.#limit = page.nextLimit
    if (page.until === offset) await this.#wait()
  }

  async #reset({ incarnation, offset, reset = '' }: Place): Promise<void> {
    if (this.#ended) return
    const { request } = this.#options
    await request.onReset({ position: formatPosition(incarnation, offset), message: reset })
  }

  /** Until the log may have grown. */
  async #wait(): Promise<void> {
    if (this.#grown || this.#ended) return
    await new Promise<void>((resolve) => {
      const cancel = this.#options.environment.timers.after(lookEveryMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}

function missingOf(seen: {
  isSameLife: boolean
  isThere: boolean
  page: { readonly damaged: readonly number[] }
}): string | undefined {
  const advice = 'load the full state again; what follows comes after this.'
  if (!seen.isSameLife) return `The topic was removed and made anew: ${advice}`
  if (!seen.isThere) return `Events were trimmed before they were read: ${advice}`
  return seen.page.damaged.length > 0 ? `Events are damaged: ${advice}` : undefined
}

function nextLimit(records: readonly LogRecord[]): number {
  if (records.length === 0) return firstLimit
  const bytes = records.reduce((sum, { event }) => sum + (event.data?.length ?? 0) + 500, 0)
  return Math.max(1, Math.min(longestLimit, Math.floor((pageBytes * records.length) / bytes)))
}
