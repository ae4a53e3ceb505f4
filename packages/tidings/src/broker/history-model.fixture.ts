import type { ReplayEffects, SubscriptionFilter, SubscriptionPolicy } from './index.ts'
import type { Arrival, Holding, Published, Track } from './history-parts.fixture.ts'

/** How long a stream that broke has to come back. */
export const graceMs = 2_000

/** A subscription as a plain model sees it: what consumers and operators were told, and what follows from that. */
export class ModelSubscription {
  readonly name: string
  readonly maxAttempts: number
  generation = 1
  /** Shards differ where a seek was never answered and had to be done again. */
  leastGeneration = 1
  start = 0
  effects: ReplayEffects = 'skip'
  era = 0
  /** What the topic was asked for, and since which length of the log; the present generation's only. */
  filters: { since: number; filter: SubscriptionFilter }[]
  policy: SubscriptionPolicy
  /** Policies that were in force at any time. */
  readonly policies = new Set<string>()
  tracks = new Map<number, Track>()
  readonly acknowledgedEver = new Set<number>()
  /** May count as acknowledged by an earlier generation: superseded, discarded, or nobody knows. */
  readonly endedEver = new Set<number>()
  /** Gone from the log, perhaps, so that a seek back need not find it. */
  readonly excused = new Set<number>()
  holdings: Holding[] = []
  /** Of all policies that it had: no event comes sooner after its append. */
  leastDelayMs = Infinity
  /** Events may have been aside because they were not due. */
  delays = false
  paused = false
  redriving = false

  constructor(name: string, policy: SubscriptionPolicy, filter: SubscriptionFilter) {
    this.name = name
    this.policy = policy
    this.maxAttempts = policy.retry!.maxAttempts!
    this.filters = [{ since: 0, filter }]
    this.configure(policy)
  }

  configure(policy: SubscriptionPolicy): void {
    this.policy = policy
    this.leastDelayMs = Math.min(this.leastDelayMs, policy.delayMs ?? 0)
    this.delays ||= policy.delayMs !== undefined
    this.policies.add(policy.coalesce ? 'supersede' : (policy.onDeadLetter ?? 'park'))
    if (policy.onDeadLetter === 'continue') for (const { dead } of this.tracks.values()) if (dead) dead.stops = false
  }

  track(offset: number): Track {
    let track = this.tracks.get(offset)
    if (!track) this.tracks.set(offset, (track = {}))
    return track
  }

  /** `always` under every filter that may have been asked, `never` under none. */
  wanted({ offset, subject, blank }: Published): 'always' | 'never' | 'perhaps' {
    const asked = this.filters.filter((_, index) => (this.filters[index + 1]?.since ?? Infinity) >= offset)
    const answers = asked.map(({ filter }) => matches(filter, subject))
    if (blank && asked.some(({ filter }) => 'exact' in filter)) return 'perhaps'
    return answers.every(Boolean) ? 'always' : answers.some(Boolean) ? 'perhaps' : 'never'
  }

  // ------------------------------------------------------------------------------------------------------- what happened

  settled(holding: Holding, outcome: string): void {
    const track = this.track(holding.offset)
    this.endRun(holding, outcome === 'ack')
    if (outcome === 'ack') {
      this.finish(holding.offset, 'acknowledged')
      this.acknowledgedEver.add(holding.offset)
    }
    if (outcome === 'dead-letter' || outcome === 'refuse') {
      const superseded = this.policies.has('supersede') && holding.key !== undefined
      if (superseded) this.endedEver.add(holding.offset)
      else track.dead = { stops: this.policy.onDeadLetter !== 'continue' && holding.key !== undefined }
    }
  }

  finish(offset: number, finished: 'acknowledged' | 'discarded'): void {
    const track = this.track(offset)
    Object.assign(track, { finished, finishedIn: this.generation })
    delete track.edit
    if (finished === 'discarded') this.endedEver.add(offset)
  }

  /** Nobody knows what became of a call about this event. */
  doubt(offset: number): void {
    this.track(offset).vague = true
    const holding = this.holdings.find((each) => each.offset === offset && each.state !== 'lost')
    for (const each of this.holdings) {
      const behind = each.key !== undefined && each.key === holding?.key && each.holder === holding.holder
      if (each.state === 'lost' || (each !== holding && !(behind && each.offset > offset))) continue
      each.state = 'doubtful'
      each.safeUntil = 0
    }
  }

  /** A lease has ended; in all but good order, so has what its holder has behind it. */
  endRun(holding: Holding, alone: boolean): void {
    for (const other of this.holdings) {
      const behind = other.key !== undefined && other.key === holding.key && other.holder === holding.holder
      if (other === holding || (!alone && behind && other.offset > holding.offset)) lose(other)
    }
  }

  /** Another owner: pull leases stand in the ledger, streams have a grace to come back. */
  owned(now: { monotonic: number; wall: number }): void {
    this.era++
    for (const holding of this.holdings) {
      if (holding.state === 'lost' || now.monotonic >= holding.safeUntil) continue
      const { pull } = holding
      if (pull) {
        const remainingMs = Math.min(Math.max(0, pull.wallUntil - now.wall), pull.leaseMs)
        holding.safeUntil = now.monotonic + remainingMs
        pull.wallUntil = now.wall + remainingMs
      } else {
        holding.state = 'doubtful'
        holding.safeUntil = now.monotonic + graceMs
      }
    }
    for (const { notBefore } of this.tracks.values()) {
      if (!notBefore) continue
      const remainingMs = Math.min(Math.max(0, notBefore.wall - now.wall), notBefore.delayMs)
      notBefore.monotonic = Math.min(notBefore.monotonic, now.monotonic + remainingMs)
      notBefore.wall = now.wall + remainingMs
    }
  }

  /** A new generation: what comes after `start` comes again. */
  sought(start: number, effects: ReplayEffects, trimmable: ReadonlySet<number>): void {
    for (const holding of this.holdings) lose(holding)
    for (const [offset, track] of this.tracks) {
      if (track.vague) this.endedEver.add(offset)
      if (track.vague) continue
      if (offset > start) this.tracks.delete(offset)
      else if (track.finished === undefined && (!track.dead || this.redriving))
        this.tracks.set(offset, { vague: true, astray: true })
    }
    for (const offset of trimmable) this.excused.add(offset)
    this.generation++
    this.leastGeneration++
    this.start = start
    this.effects = effects
    this.filters = [{ ...this.filters.at(-1)!, since: 0 }]
  }

  // -------------------------------------------------------------------------------------------------- what must not be

  /** What is wrong with a delivery; `undefined` where nothing is. */
  objection(arrival: Arrival, log: readonly Published[], erased: ReadonlyMap<number, number>): string | undefined {
    const { delivery, offset } = arrival
    const published = log[offset - 1]
    if (published?.id !== delivery.event.id) return 'it was never published'
    if (published.stale) return 'it is stale'
    if ((erased.get(offset) ?? Infinity) < arrival.step) return 'its key was erased'
    const track = this.tracks.get(offset) ?? {}
    const text = delivery.event.data && new TextDecoder().decode(delivery.event.data)
    if (!track.vague && text !== (track.edit?.text ?? published.text)) return `its payload is ${text}`
    if (offset > this.start && this.wanted(published) === 'never') return 'no filter wants it'
    const dueAt = Math.max(published.dueAt, published.appendedAt + this.leastDelayMs)
    if (dueAt > arrival.mostWall) return 'it is early'
    if (delivery.attempt > this.maxAttempts) return `it is its attempt ${delivery.attempt}`
    const { generation } = delivery
    if (generation < this.leastGeneration || generation > this.generation)
      return `its generation is ${generation}, not ${this.generation}`
    return track.vague
      ? undefined
      : (this.#comesAgain(arrival, track, published) ?? this.#outOfTurn(arrival, published, log, erased))
  }

  #comesAgain({ offset, delivery, monotonic }: Arrival, track: Track, { blank }: Published): string | undefined {
    if (track.finished) return `it was ${track.finished}`
    if (track.dead && !this.redriving) return 'it is a dead letter'
    // One that died of its last attempt waits for nobody when it is handed back.
    if (track.notBefore && !this.redriving && monotonic < track.notBefore.monotonic) return 'it was to wait longer'
    // Where attributes were erased, an earlier generation's filter may not know any more what it wanted.
    if (offset <= this.start || blank) return undefined
    const acknowledged = this.acknowledgedEver.has(offset)
    if (acknowledged && delivery.replay !== this.effects) return `an earlier generation acknowledged it`
    // What a newer event makes needless ends without anybody's word.
    const mayHaveEnded = acknowledged || this.endedEver.has(offset) || this.policies.has('supersede')
    if (delivery.replay && !mayHaveEnded) return 'nobody ever acknowledged it'
    return undefined
  }

  #outOfTurn(
    arrival: Arrival,
    { offset, key, dueAt }: Published,
    log: readonly Published[],
    erased: ReadonlyMap<number, number>,
  ): string | undefined {
    const held = this.holdings.filter((other) => arrival.monotonic < other.safeUntil && other.holder !== arrival.holder)
    const other = held.find((holding) => holding.offset === offset || (key !== undefined && holding.key === key))
    if (other) return `${other.holder} holds ${other.offset}`
    if (key === undefined || this.delays) return undefined
    const own = this.tracks.get(offset)
    // It may have stood beside its key as a dead letter, whether anybody was told so or not.
    const stoodBeside = own?.dead ?? own?.astray ?? (this.policies.has('continue') && own?.deliveredTo !== undefined)
    for (const each of log) {
      if (each.key !== key || each.offset === offset || each.stale || each.dueAt > 0 || erased.has(each.offset))
        continue
      const track = this.tracks.get(each.offset) ?? {}
      if (each.offset > offset) {
        const overtaken = track.finished === 'acknowledged' && !track.astray && !stoodBeside && dueAt === 0
        if (overtaken) return `${each.offset} of its key was acknowledged before`
      } else if (this.#comesBefore(each, track) && !this.#isHeld(each.offset, arrival)) {
        return `${each.offset} of its key is not finished`
      }
    }
    return undefined
  }

  #comesBefore(published: Published, track: Track): boolean {
    const { offset } = published
    if (offset <= this.start || track.finished || track.vague || track.astray || this.excused.has(offset)) return false
    if (this.policies.has('supersede') || this.wanted(published) !== 'always') return false
    if (track.dead) return track.dead.stops && !this.redriving
    // Who continues behind dead letters is not told of those that ran out of attempts.
    return !(this.policies.has('continue') && track.deliveredTo !== undefined)
  }

  #isHeld(offset: number, { holder }: Arrival): boolean {
    return this.holdings.some((other) => other.offset === offset && other.holder === holder && other.state !== 'lost')
  }

  /** Takes a delivery that was in order. */
  delivered({ delivery, offset, holder, pull, era, owned, monotonic, wall }: Arrival, key: string | undefined): void {
    const track = this.track(offset)
    track.deliveredTo = holder
    delete track.notBefore
    for (const holding of this.holdings) if (holding.offset === offset) lose(holding)
    this.holdings.push({
      ...{ lease: delivery.lease, offset, key, holder, era, owned },
      ...(pull && { pull: { ...pull, wallUntil: wall + pull.leaseMs } }),
      safeUntil: pull ? monotonic + pull.leaseMs : owned && era === this.era ? Infinity : 0,
      state: owned && era === this.era ? 'held' : 'doubtful',
    })
  }

  /** Why this event still has to come; `undefined` where nobody misses it. */
  missing(published: Published, log: readonly Published[], erased: ReadonlyMap<number, number>): string | undefined {
    const { offset, key, stale } = published
    const track = this.tracks.get(offset) ?? {}
    if (stale || erased.has(offset) || track.finished || track.vague || this.excused.has(offset)) return undefined
    if (offset <= this.start ? !track.dead : this.wanted(published) !== 'always') return undefined
    const isNewer = (other: Published): boolean =>
      other.offset > offset && other.key === key && !other.stale && this.wanted(other) !== 'never'
    if (this.policies.has('supersede') && key !== undefined && log.some(isNewer)) return undefined
    return `${offset} (${published.id}) was never finished`
  }
}

function lose(holding: Holding): void {
  holding.state = 'lost'
  holding.safeUntil = 0
}

function matches(filter: SubscriptionFilter, subject: string): boolean {
  if ('exact' in filter) return filter.exact.subject === subject
  return true
}
