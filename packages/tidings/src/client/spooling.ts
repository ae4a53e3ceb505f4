import type { Caller } from '../broker/port/broker.ts'
import type { PublishAnswer, PublishedEvent } from '../broker/port/events.ts'
import { sleep, type Environment } from '../environment/index.ts'
import { TidingsError, type ErrorCode } from '../errors.ts'
import { protocolLimits } from '../protocol/index.ts'
import type { Lane, Spool, SpooledPlace } from './spool.ts'

const firstPauseMs = 100
const longestPauseMs = 5_000
/** Well below what a server takes at once. */
const drainBytes = protocolLimits.bodyBytes / 2

/** With these nobody has judged the events: there was no answer, or it was none of a server at work. */
const outOfReach: ReadonlySet<ErrorCode> = new Set(['unavailable', 'stopped', 'ownership-lost', 'protocol-violation'])
/** What is wrong with one event of a request that was refused as a whole. */
const eventFaults: ReadonlySet<ErrorCode> = new Set([
  'bad-request',
  'event-invalid',
  'key-invalid',
  'payload-too-large',
  'schema-violation',
])

export interface SpoolingOptions {
  readonly spool: Spool
  readonly environment: Environment
  readonly send: (lane: Lane, events: readonly PublishedEvent[]) => Promise<readonly PublishAnswer[]>
}

interface LaneState extends Lane {
  readonly producer: string
  counter: number
  /** What lies in the spool, oldest first. While there is anything, nothing may go past it. */
  readonly waiting: SpooledPlace[]
  draining: Promise<void> | undefined
}

/** Answers whether the event is to be sent again. */
type Take = (published: PublishedEvent, answer: PublishAnswer, index: number) => Promise<boolean> | boolean

/**
 * Puts a spool between a client and its server.
 *
 *   direct ── server out of reach: keep ──▶ spooling ── nothing waits any more ──▶ direct
 *
 * Every event has a producer stamp from its first attempt on: an answer that was lost before hours without a network
 * would otherwise be found out only while the server remembers the event's identity. Each life of a client is a producer
 * of its own for each lane, so that no copy of a spool can make new events look like old ones. Within a lane, one call
 * of `send` runs at a time, which its caller sees to.
 */
export class Spooling {
  readonly #options: SpoolingOptions
  readonly #lanes = new Map<string, LaneState>()
  #life = ''
  #opening: Promise<void> | undefined
  #stopping = new AbortController()

  constructor(options: SpoolingOptions) {
    this.#options = options
  }

  /** Opens the spool and begins to send what is in it. */
  start(): Promise<void> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async stop(): Promise<void> {
    const opened = await this.#opening?.then(
      () => true,
      () => false,
    )
    this.#stopping.abort()
    await Promise.all([...this.#lanes.values()].flatMap(({ draining }) => draining ?? []))
    this.#lanes.clear()
    this.#opening = undefined
    if (opened) await this.#options.spool.close()
  }

  /** Sends events, or keeps them where the server is out of reach. */
  async send(caller: Caller, topic: string, events: readonly PublishedEvent[]): Promise<readonly PublishAnswer[]> {
    await this.start()
    const lane = this.#lane({ caller, topic })
    const stamped = events.map(({ event }) => {
      return { event, producer: { id: lane.producer, epoch: 1, counter: ++lane.counter } }
    })
    if (lane.waiting.length > 0) return this.#keep(lane, stamped)
    const answers: PublishAnswer[] = []
    try {
      await this.#deliver(lane, stamped, answerInto(answers))
    } catch (error) {
      if (!(error instanceof TidingsError) || !outOfReach.has(error.code)) throw error
      const open = [...stamped.keys()].filter((index) => answers[index] === undefined)
      const kept = await this.#keep(
        lane,
        open.map((index) => stamped[index]!),
      )
      for (const [place, index] of open.entries()) answers[index] = kept[place]!
    }
    return answers
  }

  async #open(): Promise<void> {
    const { spool, environment } = this.#options
    this.#stopping = new AbortController()
    this.#life = environment.ids.next()
    for (const place of await spool.open(environment)) this.#lane(place).waiting.push(place)
    for (const lane of this.#lanes.values()) this.#drain(lane)
  }

  #lane({ caller, topic }: Lane): LaneState {
    const name = JSON.stringify([caller.namespace, caller.principal, topic])
    let lane = this.#lanes.get(name)
    if (!lane) {
      const producer = `spool.${this.#life}.${this.#lanes.size}`
      lane = { caller, topic, producer, counter: 0, waiting: [], draining: undefined }
      this.#lanes.set(name, lane)
    }
    return lane
  }

  async #keep(lane: LaneState, events: readonly PublishedEvent[]): Promise<PublishAnswer[]> {
    const { caller, topic } = lane
    lane.waiting.push(await this.#options.spool.append({ caller, topic, events }))
    this.#drain(lane)
    return events.map(() => ({ status: 'spooled' }))
  }

  /** A server holds back what follows a refused event of a producer; `take` says of which that is not the end. */
  async #deliver(lane: Lane, events: readonly PublishedEvent[], take: Take): Promise<void> {
    let open = events.map((published, index) => ({ published, index }))
    while (open.length > 0) {
      const answers = await this.#options.send(
        lane,
        open.map(({ published }) => published),
      )
      const again: typeof open = []
      for (const [place, each] of open.entries()) {
        if (await take(each.published, answers[place]!, each.index)) again.push(each)
      }
      open = again
    }
  }

  #drain(lane: LaneState): void {
    if (lane.waiting.length === 0 || this.#stopping.signal.aborted) return
    lane.draining ??= this.#drainAll(lane).finally(() => {
      lane.draining = undefined
      this.#drain(lane)
    })
  }

  async #drainAll(lane: LaneState): Promise<void> {
    const { spool, environment } = this.#options
    const { signal } = this.#stopping
    let pauseMs = firstPauseMs
    while (lane.waiting.length > 0 && !signal.aborted) {
      const places = nextPlaces(lane.waiting)
      try {
        const batches = await Promise.all(places.map((place) => spool.read(place)))
        await this.#deliverSpooled(
          lane,
          batches.flatMap(({ events }) => events),
        )
        await spool.remove(places)
        lane.waiting.splice(0, places.length)
        pauseMs = firstPauseMs
      } catch (error) {
        spool.trouble(error as Error)
        await sleep(environment, pauseMs * (0.5 + environment.random.next() / 2), signal)
        pauseMs = Math.min(longestPauseMs, pauseMs * 2)
      }
    }
  }

  async #deliverSpooled(lane: Lane, events: readonly PublishedEvent[]): Promise<void> {
    // Nothing behind a refused event is stored before that one is kept elsewhere: after a crash its stamp would be taken
    // for that of an event which is stored.
    const take: Take = async ({ event }, answer) => {
      if (answer.status !== 'refused') return false
      if (answer.code === 'behind-refused') return true
      await this.#refuse(lane, event, answer)
      return false
    }
    try {
      await this.#deliver(lane, events, take)
    } catch (error) {
      if (!(error instanceof TidingsError) || !eventFaults.has(error.code)) throw error
      const [only] = events
      if (events.length === 1 && only) return this.#refuse(lane, only.event, error)
      for (const each of events) await this.#deliverSpooled(lane, [each])
    }
  }

  #refuse(lane: Lane, event: PublishedEvent['event'], why: { code: ErrorCode; message: string }): Promise<void> {
    const { caller, topic } = lane
    return this.#options.spool.refuse({
      namespace: caller.namespace,
      topic,
      code: why.code,
      message: why.message,
      event,
    })
  }
}

/** Takes answers for somebody who waits for them. What is behind a refused event of its own key stays refused. */
function answerInto(answers: PublishAnswer[]): Take {
  const refusedKeys = new Set<string>()
  return ({ event: { key } }, answer, index) => {
    if (answer.status === 'refused') {
      const isBehind = answer.code === 'behind-refused'
      if (isBehind && (key === undefined || !refusedKeys.has(key))) return true
      if (key !== undefined) refusedKeys.add(key)
    }
    answers[index] = answer
    return false
  }
}

/** The oldest of what waits, as much as goes together. */
function nextPlaces(waiting: readonly SpooledPlace[]): SpooledPlace[] {
  const places: SpooledPlace[] = []
  let [events, bytes] = [0, 0]
  for (const place of waiting) {
    events += place.events
    bytes += place.bytes
    if (places.length > 0 && (events > protocolLimits.events || bytes > drainBytes)) break
    places.push(place)
  }
  return places
}
