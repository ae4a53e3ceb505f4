import { consume, type Consumer } from '../consumer/index.ts'
import type { StreamProgress } from '../broker/port/deliveries.ts'
import type { PositionedEvent } from '../broker/port/events.ts'
import type { SubscriptionDescription } from '../broker/port/subscriptions.ts'
import { Backoff } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { comparePositions, type Position } from '../event/index.ts'
import { Applier, BuildLost } from './applier.ts'
import { keepIncarnation, loadBuilds, type Build } from './build.ts'
import { changeOf, Unreadable, type Change, type ReadEntity } from './change.ts'
import type { ReplicaParts } from './parts.ts'
import { UnreadReport } from './unread-report.ts'

const pageSize = 1_000
/** Enough for one commit after another; what a killed process held comes back one by one, so no more than that. */
const concurrency = 256

export interface BuildRunOptions extends ReplicaParts {
  readonly build: Build
  readonly entity: ReadEntity
  /** What could not be read before is read again at first: this may be a newer version of the service. */
  readonly looksAgain: boolean
  readonly onApplied: (changes: readonly Change[]) => void
  /** A filling build is complete: everything up to its listing's end is applied. */
  readonly onComplete: () => void
  /** Another process of the service has given this build its place, or put another there. */
  readonly onReplaced: () => void
  /** What this build copied is gone or not what it was: another build has to begin from the start. */
  readonly onOutlived: (why: string) => void
}

/**
 * Keeps one build of a replica up to date: subscribes, lists what is there, applies what comes.
 *
 * It is *connecting* until the subscription is known to be the one that this build began with; then it consumes, and
 * while the build is filling it lists as well. When the subscription is gone it connects again.
 */
export class BuildRun {
  readonly #options: BuildRunOptions
  readonly #applier: Applier
  readonly #unreadReport: UnreadReport
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #listedUntil: Position | undefined
  #cursor: string | undefined
  #incarnation: string | undefined
  #floor: Position | undefined
  #completed: boolean
  #reconnect: (() => void) | undefined
  #looksAgain: boolean

  constructor(options: BuildRunOptions) {
    const { build } = options
    this.#options = options
    this.#applier = new Applier({ database: options.database, build, onApplied: options.onApplied })
    this.#unreadReport = new UnreadReport(options, build.name)
    this.#looksAgain = options.looksAgain
    this.#listedUntil = build.listedUntil
    this.#cursor = build.cursor
    this.#incarnation = build.incarnation
    this.#completed = build.state === 'ready'
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#reconnect?.()
    await this.#loop
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(this.#options.environment)
    while (!this.#stopping.signal.aborted) {
      try {
        const description = await this.#connect()
        if (!description) return
        backoff.reset()
        await this.#copy(description)
      } catch (error) {
        this.#trouble(error)
      }
      if (!this.#stopping.signal.aborted) await backoff.pause(this.#stopping.signal)
    }
  }

  /** Finds the subscription that this build began with, or begins; answers `undefined` when the build is not to go on. */
  async #connect(): Promise<SubscriptionDescription | undefined> {
    const { build, database, onOutlived, onReplaced } = this.#options
    const description = this.#incarnation === undefined ? await this.#subscribe() : await this.#find()
    // What the database itself says: another process of the service may have applied more than this one.
    const present = (await loadBuilds(database, build.name)).find(({ number }) => number === build.number)
    if (present?.presentTable !== build.presentTable) {
      onReplaced()
      return undefined
    }
    if (!description) {
      onOutlived(`its subscription ${build.subscription} is gone`)
      return undefined
    }
    const [incarnation] = description.floor.split('.')
    if (incarnation !== this.#incarnation) {
      onOutlived(`topic ${build.topic} begins anew`)
      return undefined
    }
    if (description.watermark > present.counter) {
      onOutlived('the database was restored to an older state')
      return undefined
    }
    this.#applier.counter = present.counter
    await this.recheck()
    // Everything is listed again, while readers keep what there is.
    if (this.#looksAgain && this.unread > 0) this.#listedUntil = this.#cursor = undefined
    this.#looksAgain = false
    if (build.state === 'ready') await this.#removeBefore()
    return description
  }

  /** Two processes on one database may both begin: the subscription is as old as the first listing all the same. */
  async #subscribe(): Promise<SubscriptionDescription> {
    const { broker, caller, build, database } = this.#options
    const description = await broker.putSubscription(caller, {
      subscription: build.subscription,
      topic: build.topic,
      from: 'end',
      policy: { onDeadLetter: 'supersede' },
    })
    const [incarnation = ''] = description.floor.split('.')
    await keepIncarnation(database, build, incarnation)
    this.#incarnation = incarnation
    return description
  }

  /** How many keys have a state that could not be read. */
  get unread(): number {
    return this.#applier.unread.size
  }

  /** Finds out what other processes of the service could not read, or have read since. */
  async recheck(): Promise<void> {
    await this.#applier.unread.load()
  }

  async #find(): Promise<SubscriptionDescription | undefined> {
    const { broker, caller, build } = this.#options
    try {
      return await broker.subscription(caller, build.subscription)
    } catch (error) {
      if (error instanceof TidingsError && error.code === 'subscription-unknown') return undefined
      throw error
    }
  }

  /** The subscription of the build before, where an interrupted rebuild left it behind, would hold the log for ever. */
  async #removeBefore(): Promise<void> {
    const { broker, caller, build } = this.#options
    const before = build.subscription.replace(/\d+$/, String(build.number - 1))
    await broker.removeSubscription(caller, before).catch(() => undefined)
  }

  /** Consumes until it is stopped or the subscription is gone. */
  async #copy(description: SubscriptionDescription): Promise<void> {
    const ended = new Promise<void>((resolve) => (this.#reconnect = resolve))
    const consumer = this.#consumer()
    this.#progress(description)
    consumer.start()
    try {
      await this.#list()
      this.#checkComplete()
      if (!this.#stopping.signal.aborted) await ended
    } finally {
      this.#reconnect = undefined
      await consumer.stop()
    }
  }

  #consumer(): Consumer {
    const { broker, caller, build, environment } = this.#options
    return consume({
      broker,
      caller,
      subscription: build.subscription,
      environment,
      concurrency,
      prefetch: concurrency,
      order: 'none',
      watermark: () => this.#applier.counter,
      handle: async (delivery) => {
        await this.#apply(delivery).catch((error: unknown) => {
          // Connecting again finds out what became of it.
          if (error instanceof BuildLost) this.#reconnect?.()
          throw error
        })
        return { action: 'ack' }
      },
      onProgress: (progress) => this.#progress(progress),
      onTrouble: (error) => this.#trouble(error),
    })
  }

  /** What cannot be read is a dead letter, unless the copy has something newer of its key. */
  async #apply(delivery: PositionedEvent): Promise<void> {
    const read = this.#read(delivery)
    if (!(read instanceof Unreadable)) return await this.#applier.apply(read)
    if (!(await this.#applier.setAside(read))) return
    this.#unreadReport.tell([read])
    throw read
  }

  #read(event: PositionedEvent): Change | Unreadable {
    try {
      return changeOf(event, this.#options.entity)
    } catch (error) {
      if (error instanceof Unreadable) return error
      throw error
    }
  }

  /** Lists the newest event of every key; what changes meanwhile comes through the subscription. */
  async #list(): Promise<void> {
    const { broker, caller, build } = this.#options
    try {
      while (this.#listedUntil === undefined && !this.#stopping.signal.aborted) {
        const place = this.#cursor === undefined ? {} : { cursor: this.#cursor }
        const page = await broker.latest(caller, { topic: build.topic, limit: pageSize, ...place })
        const listedUntil = page.next === undefined ? page.until : undefined
        const read = page.events.map((event) => this.#read(event))
        const next = { cursor: page.next ?? null, listedUntil: listedUntil ?? null }
        const kept = await this.#applier.applyPage(read, next)
        const unread = read.filter((each) => each instanceof Unreadable)
        this.#unreadReport.tell(unread.filter(({ state }) => !state || kept.some(({ key }) => key === state.key)))
        this.#cursor = page.next
        this.#listedUntil = listedUntil
      }
    } catch (error) {
      // A place that the broker does not know any more is no place to go on.
      if (error instanceof TidingsError && !error.retryable) this.#cursor = undefined
      throw error
    }
  }

  #progress({ floor }: Pick<StreamProgress, 'floor'>): void {
    // A floor of another life of the topic says nothing about this copy; connecting again finds out.
    if (floor.split('.')[0] !== this.#incarnation) return this.#reconnect?.()
    this.#floor = floor
    if (this.#completed) this.#applier.settledThrough = Number(floor.split('.')[1])
    this.#checkComplete()
  }

  #checkComplete(): void {
    if (this.#completed || this.#floor === undefined || this.#listedUntil === undefined) return
    if (comparePositions(this.#floor, this.#listedUntil) < 0) return
    this.#completed = true
    this.#options.onComplete()
  }

  #trouble(error: unknown): void {
    const { build, report } = this.#options
    const code = error instanceof TidingsError ? error.code : undefined
    if (code === 'subscription-unknown' || code === 'topic-unknown') this.#reconnect?.()
    // What has become of it is told by whoever finds that out, which is the next to connect.
    if (this.#stopping.signal.aborted || error instanceof BuildLost) return
    const message = error instanceof Error ? error.message : String(error)
    report({
      level: 'warning',
      message: `Replica ${build.name}: ${message}`,
      error,
      details: { replica: build.name, build: build.number },
    })
  }
}
