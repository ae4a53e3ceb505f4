import type { Engine, HeldStore, IdentityBounds, StoreItem, StoreStanding } from '../engine/index.ts'
import { systemEnvironment, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { Tally, type StoreCounts } from './tally.ts'

/** One end of a move. */
export interface MoveSide {
  /** Over the store, not started. */
  readonly engine: Engine
  /** Where the store is, for people: it is kept in the other store, so it must not hold what it takes to get in. */
  readonly place: string
}

export interface MoveOptions {
  readonly from: MoveSide
  readonly to: MoveSide
  readonly environment?: Environment
  /** Told after each step of some events. */
  readonly onProgress?: (progress: MoveProgress) => void
}

export interface MoveProgress {
  readonly doing: 'copying' | 'comparing'
  /** How many events that was done for. */
  readonly events: number
}

export interface MoveReport extends StoreCounts {
  /** Whether an earlier run had done all of it but the end. */
  readonly resumed: boolean
}

const movesRemembered = 20

/**
 * Moves everything that a store holds to another one, which must be empty: logs with their positions, times and lives, the
 * newest events of keys, publishers' counters, identities of the deduplication window, and ledgers with their epochs. To
 * everybody who uses the store it is as if its server had been restarted.
 *
 * Each store is held from the beginning to the end. At every moment exactly one of the two can be started:
 *
 *        source               target
 *     1. serves               serves, empty (or left for this source)
 *     2. serves               arrival          filled, then compared with the source, item by item
 *     3. serves               arrival, ready
 *     4. departure            arrival, ready
 *     5. departure            serves
 *
 * A run that was interrupted is run again: before 4 it starts over, from 4 on it only does 5. Rejects as `store-occupied`
 * where the target holds something, as `store-moved` where the source was moved elsewhere, and as `store-failed` where
 * the two differ after all; the source serves on in each case.
 */
export async function moveStore(options: MoveOptions): Promise<MoveReport> {
  const { from, to, environment = systemEnvironment } = options
  const source = await hold(from)
  try {
    const target = await hold(to)
    try {
      return await new Move({ ...options, environment }, source, target).run()
    } finally {
      await target.release()
    }
  } finally {
    await source.release()
  }
}

/**
 * Lets a store serve again that was moved, because the one that it was moved to is lost. What was stored there since is
 * not in it: every topic begins another life, as after a restore.
 */
export async function takeStoreBack({ engine, place }: MoveSide): Promise<void> {
  const store = await hold({ engine, place })
  try {
    if (!store.standing.departure) {
      throw new TidingsError('bad-request', `Nothing was moved out of ${place}: there is nothing to take back.`)
    }
    await store.takeBack()
  } finally {
    await store.release()
  }
}

async function hold({ engine, place }: MoveSide): Promise<HeldStore> {
  if (engine.hold) return engine.hold()
  throw new TidingsError('bad-request', `The engine "${engine.name}" of ${place} cannot be moved to or from.`)
}

class Move {
  readonly #options: MoveOptions & { readonly environment: Environment }
  readonly #source: HeldStore
  readonly #target: HeldStore
  readonly #bounds: IdentityBounds

  constructor(options: MoveOptions & { readonly environment: Environment }, source: HeldStore, target: HeldStore) {
    this.#options = options
    this.#source = source
    this.#target = target
    const both = [source.deduplication, target.deduplication]
    const maxAgeMs = Math.min(...both.map((each) => each.maxAgeMs))
    this.#bounds = {
      maxIds: Math.min(...both.map(({ maxIds }) => maxIds)),
      since: options.environment.clock.now() - maxAgeMs,
    }
  }

  async run(): Promise<MoveReport> {
    const { standing } = this.#source
    if (standing.departure) return this.#resume(standing)
    if (standing.arrival) throw this.#unfinishedSource(standing.arrival.from)
    await this.#ensureFree()
    const move = this.#options.environment.ids.next()
    const { from, to } = this.#options
    const before = new Tally()
    const arrival = { move, store: standing.store, from: from.place }
    await this.#target.receive(arrival, this.#tallied(this.#source, before, 'copying'))
    const after = await this.#tallyOf(this.#target, 'comparing')
    if (before.digest !== after.digest) throw this.#differs(before, after)
    await this.#target.ready()
    await this.#source.leave({ move, to: to.place })
    await this.#complete(move)
    return { ...after.counts, resumed: false }
  }

  /** Everything was there, and the source was left: what is missing is the end. */
  async #resume({ departure }: StoreStanding): Promise<MoveReport> {
    const { from, to } = this.#options
    const { move, to: elsewhere } = departure!
    const { arrival, past } = this.#target.standing
    if (arrival?.move !== move || !arrival.ready) {
      const isHere = past.includes(move)
      throw new TidingsError(
        'store-moved',
        isHere
          ? `Everything in ${from.place} was moved to ${to.place} already, and that has ended; use it there.`
          : `Everything in ${from.place} was moved to ${elsewhere}; move it on from there.`,
        { details: { from: from.place, to: elsewhere } },
      )
    }
    const tally = await this.#tallyOf(this.#target, 'comparing')
    await this.#complete(move)
    return { ...tally.counts, resumed: true }
  }

  #complete(move: string): Promise<void> {
    return this.#target.complete([...this.#source.standing.past, move].slice(-movesRemembered))
  }

  /** The target may hold what is of no use to anybody, and nothing else. */
  async #ensureFree(): Promise<void> {
    const { store, past } = this.#source.standing
    const { arrival, departure } = this.#target.standing
    const { place } = this.#options.to
    if (store === this.#target.standing.store) throw sameStore(place)
    if (arrival && (!arrival.ready || arrival.store === store)) return
    if (arrival) {
      throw new TidingsError(
        'store-occupied',
        `Everything from ${arrival.from} has arrived in ${place}, but that move has not ended; run it again, or name another target.`,
        { details: { place, from: arrival.from } },
      )
    }
    // What it held before it was left has come to the source since.
    if (departure && past.includes(departure.move)) return
    if (departure) {
      throw new TidingsError(
        'store-occupied',
        `${place} holds what was moved to ${departure.to}; name another target, or remove it first.`,
        { details: { place, to: departure.to } },
      )
    }
    await this.#ensureEmpty(place)
  }

  async #ensureEmpty(place: string): Promise<void> {
    const found = new Set<string>()
    let owner = ''
    for await (const items of this.#target.contents(this.#bounds)) {
      for (const item of items) {
        if (item.item === 'topic') found.add(`topic ${item.id.namespace}/${item.id.topic}`)
        if (item.item === 'ledger') owner = `${item.id.namespace}/${item.id.ledger}`
        // What servers note of themselves is not in a namespace of users.
        if (item.item === 'entry' && !owner.startsWith('$')) found.add(`ledger ${owner}`)
      }
      if (found.size > namedAtMost) break
    }
    if (found.size === 0) return
    const named = [...found].slice(0, namedAtMost).join(', ')
    throw new TidingsError(
      'store-occupied',
      `${place} is not empty: it holds ${named}${found.size > namedAtMost ? ' and more' : ''}. Name an empty target.`,
      { details: { place } },
    )
  }

  async #tallyOf(store: HeldStore, doing: MoveProgress['doing']): Promise<Tally> {
    const tally = new Tally()
    for await (const _ of this.#tallied(store, tally, doing));
    return tally
  }

  async *#tallied(store: HeldStore, tally: Tally, doing: MoveProgress['doing']): AsyncGenerator<readonly StoreItem[]> {
    for await (const items of store.contents(this.#bounds)) {
      for (const item of items) tally.add(item)
      yield items
      this.#options.onProgress?.({ doing, events: tally.events })
    }
  }

  #unfinishedSource(origin: string): TidingsError {
    const { place } = this.#options.from
    return new TidingsError(
      'store-moved',
      `${place} is itself being moved to, from ${origin}, and that has not ended; run that move again first.`,
      { details: { place, from: origin } },
    )
  }

  #differs(before: Tally, after: Tally): TidingsError {
    const { from, to } = this.#options
    const counts = ({ counts: { events, ledgers, entries } }: Tally): string =>
      `${events} events, ${ledgers} ledgers with ${entries} entries`
    return new TidingsError(
      'store-failed',
      `${to.place} does not hold what ${from.place} holds (${counts(after)}; ${counts(before)}), so nothing was moved. Look at the disk of the target, and at both engines.`,
      { details: { from: from.place, to: to.place } },
    )
  }
}

const namedAtMost = 5

function sameStore(place: string): TidingsError {
  return new TidingsError('bad-request', `${place} is both source and target of the move; name two stores.`)
}
