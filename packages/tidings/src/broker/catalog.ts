import { TidingsError } from '../errors.ts'
import type { Engine, LedgerEntry, TopicKind } from '../engine/index.ts'
import type { DeliveryPolicy } from '../delivery/index.ts'
import type { JsonSchema, RetentionPolicy } from './port/topics.ts'
import type { StoredContract, StoredNeeds, StoredSchema } from './contracts/stored.ts'
import type { Pause, SubscriptionPolicy } from './port/subscriptions.ts'
import type { ScheduledTemplate } from './port/schedules.ts'
import type { SubscriptionFilter } from '../event/index.ts'

export interface StoredTopic {
  readonly topic: string
  readonly kind: TopicKind
  readonly owner: string
  readonly shards: number
  /** It takes the answers to its owner's tasks. */
  readonly replies?: true
  readonly schemas?: Readonly<Record<string, JsonSchema>>
  /** By type and version, where a type has others than the first: what events of each version are held to. */
  readonly versions?: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>>
  readonly retention?: RetentionPolicy
}

export interface StoredSubscription {
  readonly subscription: string
  readonly topic: string
  readonly filter: SubscriptionFilter
  readonly policy: DeliveryPolicy & Pick<SubscriptionPolicy, 'expiresAfterMs'>
  /** Its first generation delivers what comes after this offset. */
  readonly start: number
  readonly paused?: Pause
  readonly seekRate?: StoredSeekRate
}

/** What a seek allows until its events have passed. */
export interface StoredSeekRate {
  readonly perSecond: number
  /** The head of the topic when it began. */
  readonly until: number
  /** The one that it begins. */
  readonly generation: number
}

export interface StoredService {
  readonly service: string
  readonly database: string
}

export interface StoredSchedule {
  readonly schedule: string
  readonly topic: string
  readonly expression: string
  readonly timeZone: string
  readonly catchUp: 'newest' | 'all'
  /** Its payload is base64. */
  readonly event: Omit<ScheduledTemplate, 'data'> & { readonly data?: string }
  /** What was due up to here, in milliseconds since 1970, is none of its business. */
  readonly since: number
}

interface Kinds {
  readonly topic: StoredTopic
  readonly subscription: StoredSubscription
  readonly service: StoredService
  readonly schedule: StoredSchedule
  readonly contract: StoredContract
  /** By its digest. */
  readonly schema: StoredSchema
  /** By the name of the consumer. */
  readonly needs: StoredNeeds
}
type Kind = keyof Kinds

const formatVersion = 1
const pageSize = 1_000
const attempts = 20

/**
 * What exists in one namespace, kept in a ledger of the broker's own: topics, subscriptions, services, schedules,
 * contracts. Names are looked up in memory; where several servers share the store, in the ledger.
 */
export class Catalog {
  readonly #engine: Engine
  readonly #id: { readonly namespace: string; readonly ledger: string; readonly shard: number }
  #entries = new Map<string, unknown>()
  /** Loads and changes are numbered in the order in which they began: the newest of each that has come to its end. */
  #begun = 0
  #loaded = 0
  #changed = 0
  #writing: Promise<unknown> = Promise.resolve()

  constructor(engine: Engine, namespace: string) {
    this.#engine = engine
    this.#id = { namespace, ledger: '$catalog', shard: 0 }
  }

  /** Brings what is in memory up to date; until it is, that stays as it was. */
  async load(): Promise<void> {
    const begun = (this.#begun += 1)
    const entries = new Map<string, unknown>()
    for (let from: string | undefined = ''; from !== undefined;) {
      const page: readonly LedgerEntry[] = await this.#engine.ledger.load(this.#id, { from }, pageSize)
      for (const { key, value } of page) entries.set(key, read(key, value))
      from = page.length < pageSize ? undefined : `${page.at(-1)!.key}!`
    }
    // What was read may be from before the change, and what is in memory has nothing else of what is new.
    if (begun < this.#changed) return this.load()
    if (begun < this.#loaded) return
    this.#loaded = begun
    this.#entries = entries
  }

  /** What is known in memory: complete, unless several servers share the store. */
  known<Of extends Kind>(kind: Of, name: string): Kinds[Of] | undefined {
    return this.#entries.get(`${kind}/${name}`) as Kinds[Of] | undefined
  }

  async find<Of extends Kind>(kind: Of, name: string): Promise<Kinds[Of] | undefined> {
    if (this.#engine.capabilities.shared) await this.load()
    return this.known(kind, name)
  }

  async list<Of extends Kind>(kind: Of): Promise<readonly Kinds[Of][]> {
    if (this.#engine.capabilities.shared) await this.load()
    const prefix = `${kind}/`
    const found = [...this.#entries].filter(([key]) => key.startsWith(prefix))
    return found.sort(([left], [right]) => (left < right ? -1 : 1)).map(([, value]) => value as Kinds[Of])
  }

  /**
   * Replaces an entry by what `change` makes of the present one, atomically among all servers: whoever else changes the
   * catalogue takes it over, so this one notices and begins again. `null` removes it; equal to the present one, nothing
   * is written.
   */
  async change<Of extends Kind>(
    kind: Of,
    name: string,
    change: (present: Kinds[Of] | undefined) => Kinds[Of] | null | Promise<Kinds[Of] | null>,
  ): Promise<Kinds[Of] | null> {
    const run = this.#writing.then(() => this.#change(kind, name, change))
    this.#writing = run.catch(() => undefined)
    return run
  }

  async #change<Of extends Kind>(
    kind: Of,
    name: string,
    change: (present: Kinds[Of] | undefined) => Kinds[Of] | null | Promise<Kinds[Of] | null>,
  ): Promise<Kinds[Of] | null> {
    const key = `${kind}/${name}`
    for (let attempt = 1; ; attempt++) {
      const ownership = await this.#engine.ledger.own(this.#id)
      const [entry] = await this.#engine.ledger.load(this.#id, { from: key, to: `${key}!` }, 1)
      const present = entry && (read(key, entry.value) as Kinds[Of])
      const next = await change(present)
      const value = next === null ? null : JSON.stringify({ v: formatVersion, ...next })
      if (value === (entry?.value ?? null)) return next
      try {
        await this.#engine.ledger.commit(ownership, [{ key, value }])
      } catch (error) {
        if (error instanceof TidingsError && error.code === 'ownership-lost' && attempt < attempts) continue
        throw error
      }
      this.#changed = this.#begun += 1
      if (next === null) this.#entries.delete(key)
      else this.#entries.set(key, next)
      return next
    }
  }
}

function read(key: string, value: string): unknown {
  const { v, ...entry } = JSON.parse(value) as { v: number }
  if (v === formatVersion) return entry
  throw new TidingsError(
    'store-version',
    `Catalogue entry ${key} was written in format ${v}; this version of Tidings reads format ${formatVersion}. Use a newer version.`,
  )
}
