import { Backoff, sleep } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { Position } from '../event/index.ts'
import type { PositionedEvent } from '../broker/port/events.ts'
import { changeOf, Unreadable, type ReadEntity } from './change.ts'
import type { ReplicaParts } from './parts.ts'
import type { ReplicaStatus } from './replica.ts'
import { UnreadReport } from './unread-report.ts'

const pageSize = 1_000
const pollEveryMs = 200

export interface MemoryReplicaOptions {
  readonly name: string
  readonly topic: string
  readonly entity: ReadEntity
  readonly columns: readonly string[]
  readonly freshnessMs: number | undefined
}

interface Copy {
  readonly rows: Map<string, Record<string, unknown>>
  /** Of deleted keys too, so that an older state does not bring them back. */
  readonly versions: Map<string, string>
  /** The versions of states that could not be read and are newer than those, by key. */
  readonly unread: Map<string, string>
}

/**
 * A replica in the memory of one process: filled at each start, by listing and then reading on, without a subscription,
 * so that nothing stays behind when the process ends. While it fills, after the topic began anew, readers keep the copy
 * before.
 */
export class MemoryReplica {
  readonly #options: MemoryReplicaOptions
  #parts: ReplicaParts | undefined
  #onApplied: (keys: readonly string[] | 'any') => void = () => {}
  #copy: Copy | undefined
  #filling = false
  #stopping = new AbortController()
  #loop: Promise<void> | undefined
  /** When this copy last equalled the topic, on the monotonic clock. */
  #equalAt: number | undefined
  #alarmed = false
  #unreadReport: UnreadReport | undefined

  constructor(options: MemoryReplicaOptions) {
    this.#options = options
  }

  async start(parts: ReplicaParts, onApplied: (keys: readonly string[] | 'any') => void): Promise<void> {
    if (this.#loop) return
    this.#parts = parts
    this.#onApplied = onApplied
    this.#stopping = new AbortController()
    this.#equalAt = undefined
    this.#unreadReport = new UnreadReport(parts, this.#options.name)
    this.#loop = this.#run(parts, this.#stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    this.#loop = this.#parts = this.#copy = undefined
  }

  async get(key: string | number): Promise<Record<string, unknown> | undefined> {
    return this.#readable().rows.get(String(key))
  }

  async all(): Promise<Record<string, unknown>[]> {
    return [...this.#readable().rows.values()]
  }

  status(): ReplicaStatus {
    const state = !this.#parts ? 'stopped' : !this.#copy ? 'filling' : this.#filling ? 'rebuilding' : 'ready'
    return { state, lagMs: this.#lagMs(), unreadable: this.#copy?.unread.size ?? 0 }
  }

  #readable(): Copy {
    if (this.#copy) return this.#copy
    const { name } = this.#options
    throw new TidingsError(
      'replica-not-ready',
      `Replica ${name} is not filled yet; try again when its status is ready.`,
      {
        details: { replica: name },
      },
    )
  }

  async #run(parts: ReplicaParts, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(parts.environment)
    let place: { copy: Copy; after: Position } | undefined
    while (!signal.aborted) {
      try {
        const { copy } = (place ??= await this.#fill(parts))
        const page = await parts.broker.read(parts.caller, {
          topic: this.#options.topic,
          after: place.after,
          limit: pageSize,
        })
        const keys = page.events.flatMap((event) => this.#apply(copy, event))
        place.after = page.until
        backoff.reset()
        if (keys.length > 0 && this.#copy === copy) this.#onApplied(keys)
        if (page.until !== page.head) continue
        this.#isEqual(parts, copy)
        this.#judge(parts)
        await sleep(parts.environment, pollEveryMs, signal)
      } catch (error) {
        if (error instanceof TidingsError && error.code === 'position-unknown') place = undefined
        this.#trouble(parts, error)
        this.#judge(parts)
        await backoff.pause(signal)
      }
    }
  }

  async #fill({ broker, caller }: ReplicaParts): Promise<{ copy: Copy; after: Position }> {
    this.#filling = true
    const copy: Copy = { rows: new Map(), versions: new Map(), unread: new Map() }
    let from: Position | undefined
    let cursor: string | undefined
    do {
      const page = await broker.latest(caller, {
        topic: this.#options.topic,
        limit: pageSize,
        ...(cursor === undefined ? {} : { cursor }),
      })
      for (const event of page.events) this.#apply(copy, event)
      from ??= page.from
      cursor = page.next
    } while (cursor !== undefined)
    return { copy, after: from }
  }

  #apply({ rows, versions, unread }: Copy, event: PositionedEvent): readonly string[] {
    try {
      const { key, version, data } = changeOf(event, this.#options.entity)
      if ((versions.get(key) ?? '') >= version) return []
      versions.set(key, version)
      if ((unread.get(key) ?? '~') <= version) unread.delete(key)
      if (data) rows.set(key, pick(data, this.#options.columns))
      else rows.delete(key)
      return [key]
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      const { state } = error
      const newest = state && [versions.get(state.key) ?? '', unread.get(state.key) ?? '']
      if (newest?.some((version) => version >= state!.version)) return []
      if (state) unread.set(state.key, state.version)
      this.#unreadReport?.tell([error])
      return []
    }
  }

  /** Everything that was in the topic is in the copy: it may be read from here on. */
  #isEqual({ environment }: ReplicaParts, copy: Copy): void {
    this.#equalAt = environment.clock.monotonic()
    this.#filling = false
    if (this.#copy === copy) return
    this.#copy = copy
    this.#onApplied('any')
  }

  #lagMs(): number | undefined {
    if (!this.#parts || this.#equalAt === undefined) return undefined
    return Math.max(0, this.#parts.environment.clock.monotonic() - this.#equalAt - pollEveryMs)
  }

  #judge({ report }: ReplicaParts): void {
    const { name, freshnessMs } = this.#options
    const lagMs = this.#lagMs()
    if (freshnessMs === undefined || lagMs === undefined || lagMs <= freshnessMs === !this.#alarmed) return
    this.#alarmed = !this.#alarmed
    const details = { replica: name, lagMs, freshnessMs }
    if (!this.#alarmed) return report({ level: 'info', message: `Replica ${name} is fresh again.`, details })
    report({
      level: 'error',
      message: `Replica ${name} lags ${Math.round(lagMs)} ms behind; ${freshnessMs} ms were declared.`,
      details,
    })
  }

  #trouble({ report }: ReplicaParts, error: unknown): void {
    if (this.#stopping.signal.aborted) return
    const message = error instanceof Error ? error.message : String(error)
    report({
      level: 'warning',
      message: `Replica ${this.#options.name}: ${message}`,
      error,
      details: { replica: this.#options.name },
    })
  }
}

function pick(data: Readonly<Record<string, unknown>>, columns: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    columns.filter((column) => Object.hasOwn(data, column)).map((column) => [column, data[column]]),
  )
}
