import type { Delivery, OutcomeAction } from '../broker/port/deliveries.ts'
import { Hold } from './hold.ts'
import { Lanes, type Work } from './lanes.ts'

/**
 * The deliveries that a consumer has in its hands: each from its receipt until the broker has answered to its outcome,
 * or until its lease is lost.
 */
export class Hands {
  readonly #size: number
  readonly #order: 'key' | 'none'
  readonly #works = new Map<string, Work>()
  readonly #lanes = new Lanes()
  readonly #runningWorks = new Set<Work>()
  /** Lanes of which something failed and the broker has not answered to that yet. */
  readonly #blocked = new Map<string, Work>()

  constructor(size: number, order: 'key' | 'none') {
    this.#size = size
    this.#order = order
  }

  get running(): number {
    return this.#runningWorks.size
  }

  /** How many more deliveries fit. */
  get room(): number {
    return Math.max(0, this.#size - this.#works.size)
  }

  leases(): readonly string[] {
    return [...this.#works.keys()]
  }

  has(work: Work): boolean {
    return this.#works.get(work.delivery.lease) === work
  }

  /**
   * Takes deliveries in. Returns those of blocked lanes: the broker may have sent them before it knew of the failure,
   * so they must not run.
   */
  receive(deliveries: readonly Delivery[]): readonly Work[] {
    const refused: Work[] = []
    for (const delivery of deliveries) {
      const { event, lease, priority = 0 } = delivery
      const lane = this.#order === 'key' && event.key !== undefined ? `${priority}=${event.key}` : `#${lease}`
      const work: Work = { delivery, lane, hold: new Hold() }
      this.#works.set(delivery.lease, work)
      if (this.#blocked.has(lane)) refused.push(work)
      else this.#lanes.add(work)
    }
    return refused
  }

  /** The next delivery that may run. */
  begin(): Work | undefined {
    const work = this.#lanes.take()
    if (work) this.#runningWorks.add(work)
    return work
  }

  /** A delivery ran. Returns what waits behind it and must not run because it did not succeed. */
  end(work: Work, outcome: OutcomeAction): readonly Work[] {
    this.#runningWorks.delete(work)
    if (outcome.action === 'ack' || !this.has(work)) {
      this.#lanes.finish(work.lane)
      return []
    }
    this.#blocked.set(work.lane, work)
    const rest = this.#lanes.drop(work.lane)
    this.#lanes.finish(work.lane)
    return rest
  }

  /** The broker has answered, or will not: this delivery is out of our hands. */
  forget(work: Work): void {
    if (this.has(work)) this.#works.delete(work.delivery.lease)
    if (this.#blocked.get(work.lane) === work) this.#blocked.delete(work.lane)
  }

  /** After a reconnect: what the broker did not keep is lost. */
  keepOnly(leases: readonly string[]): void {
    const kept = new Set(leases)
    this.#lose((work) => !kept.has(work.delivery.lease))
  }

  /** A seek began a new generation: everything older is lost. */
  fence(generation: number): void {
    this.#lose((work) => work.delivery.generation < generation)
  }

  abortAll(): void {
    for (const work of this.#runningWorks) work.hold.end()
  }

  #lose(isLost: (work: Work) => boolean): void {
    for (const work of [...this.#works.values()].filter(isLost)) {
      this.forget(work)
      this.#lanes.remove(work)
      work.hold.end()
    }
  }
}
