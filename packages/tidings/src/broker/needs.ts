import {
  deadRange,
  dueRange,
  exceptionRange,
  offsetOf,
  parkedRange,
  readState,
  stateKey,
  type StoredState,
} from '../delivery/index.ts'
import type { Engine, LedgerChange, LedgerId, LedgerRange } from '../engine/index.ts'
import type { StoredSubscription } from './catalog.ts'
import type { LedgerWatch } from './ledger-watch.ts'
import { ledgerCount } from './priorities.ts'

const pageSize = 1_000
/** Where an event stands that somebody will need although the subscription is further on. */
const neededRanges = [exceptionRange, deadRange, parkedRange, dueRange] as const

/**
 * What the subscriptions of a topic still need of it, as their ledgers say, whether anybody has them open or not. A
 * ledger is read in parts while its owner goes on, so what moves meanwhile is taken from the commits: an event that was
 * needed when the reading began is found where it was, or where it went.
 */
export class Needs {
  /** How far each subscription is: everything above is needed. */
  readonly floors = new Map<string, number>()
  readonly #offsets = new Map<string, Set<number>>()
  readonly #engine: Engine
  readonly #namespace: string
  readonly #stop: () => void

  constructor(watch: LedgerWatch, namespace: string) {
    this.#engine = watch.engine
    this.#namespace = namespace
    this.#stop = watch.watch((id, changes) => this.#observe(id, changes))
  }

  /** Single events that are needed, ascending, up to and including `through`. */
  offsets(through: number): readonly number[] {
    const all = new Set([...this.#offsets.values()].flatMap((offsets) => [...offsets]))
    return [...all].filter((offset) => offset <= through).sort((left, right) => left - right)
  }

  /** The subscriptions that need anything up to and including `through`. */
  below(through: number): readonly string[] {
    const needs = (subscription: string, floor: number): boolean =>
      floor < through || [...(this.#offsets.get(subscription) ?? [])].some((offset) => offset <= through)
    return [...this.floors].filter(([subscription, floor]) => needs(subscription, floor)).map(([name]) => name)
  }

  /** The subscription that is furthest behind; `undefined` where there is none. */
  get lowest(): { readonly subscription: string; readonly floor: number } | undefined {
    const [first] = [...this.floors].sort(([, left], [, right]) => left - right)
    return first && { subscription: first[0], floor: first[1] }
  }

  async read({ subscription, start, policy }: StoredSubscription, shards: number): Promise<void> {
    this.floors.set(subscription, Infinity)
    for (let shard = 0; shard < ledgerCount(shards, policy); shard++) {
      const id = { namespace: this.#namespace, ledger: subscription, shard }
      const [entry] = await this.#engine.ledger.load(id, { from: stateKey, to: `${stateKey}!` }, 1)
      this.#addState(subscription, entry ? readState(entry.value) : { through: start, open: [] })
      for (const range of neededRanges) await this.#addRange(id, range)
    }
  }

  stop(): void {
    this.#stop()
  }

  #addState(subscription: string, { through, open }: Pick<StoredState, 'through' | 'open'>): void {
    const known = this.floors.get(subscription)
    if (known === undefined) return
    this.floors.set(subscription, Math.min(known, through))
    for (const offset of open) this.#add(subscription, offset)
  }

  #add(subscription: string, offset: number): void {
    const known = this.#offsets.get(subscription)
    if (known) known.add(offset)
    else this.#offsets.set(subscription, new Set([offset]))
  }

  async #addRange(id: LedgerId, { to, ...begin }: Required<LedgerRange>): Promise<void> {
    for (let { from } = begin; ;) {
      const page = await this.#engine.ledger.load(id, { from, to }, pageSize)
      for (const { key } of page) this.#add(id.ledger, offsetOf(key))
      if (page.length < pageSize) return
      from = `${page.at(-1)!.key}!`
    }
  }

  #observe({ namespace, ledger }: LedgerId, changes: readonly LedgerChange[]): void {
    if (namespace !== this.#namespace || !this.floors.has(ledger)) return
    for (const { key, value } of changes) {
      if (value === null) continue
      if (key === stateKey) this.#addState(ledger, readState(value))
      else if (neededRanges.some(({ from, to }) => key >= from && key < to)) this.#add(ledger, offsetOf(key))
    }
  }
}
