import type { Delivery } from '../broker/port/deliveries.ts'
import type { Hold } from './hold.ts'

/** One delivery in this consumer's hands. */
export interface Work {
  readonly delivery: Delivery
  readonly lane: string
  /** Over when the lease is lost. */
  readonly hold: Hold
}

interface Lane {
  readonly waiting: Work[]
  busy: boolean
}

/**
 * The order of work within one consumer: deliveries of one lane run one after another, those of different lanes side by
 * side. A lane is a key within a priority; a delivery without a key has a lane to itself.
 *
 * A lane is idle, or *busy* with one delivery, or *blocked* after one that did not succeed: the broker takes back the
 * rest of that lane, so what waits in it is dropped, and nothing of it runs until the broker has answered.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>()
  /** Lanes that could run something, in the order in which they became able to. */
  readonly #ready = new Set<string>()

  add(work: Work): void {
    const lane = this.#lanes.get(work.lane) ?? { waiting: [], busy: false }
    this.#lanes.set(work.lane, lane)
    lane.waiting.push(work)
    if (!lane.busy) this.#ready.add(work.lane)
  }

  /** The next delivery that may run; its lane is busy until `finish`. */
  take(): Work | undefined {
    const name = this.#first()
    const lane = name === undefined ? undefined : this.#lanes.get(name)
    const work = lane?.waiting.shift()
    if (!lane || !work) return undefined
    this.#ready.delete(work.lane)
    lane.busy = true
    return work
  }

  /** Of the lanes that could run something, one with what matters most, longest able to. */
  #first(): string | undefined {
    let first: { readonly name: string; readonly priority: number } | undefined
    for (const name of this.#ready) {
      const { priority = 0 } = this.#lanes.get(name)!.waiting[0]!.delivery
      if (!first || priority < first.priority) first = { name, priority }
      if (priority === 0) break
    }
    return first?.name
  }

  /** The busy delivery of a lane is done with: the next one may run. */
  finish(name: string): void {
    const lane = this.#lanes.get(name)
    if (!lane) return
    lane.busy = false
    if (lane.waiting.length > 0) this.#ready.add(name)
    else this.#lanes.delete(name)
  }

  /** Takes everything out of a lane that waits there; a busy one stays busy. */
  drop(name: string): readonly Work[] {
    const lane = this.#lanes.get(name)
    if (!lane) return []
    this.#ready.delete(name)
    if (!lane.busy) this.#lanes.delete(name)
    return lane.waiting.splice(0)
  }

  remove(work: Work): void {
    const lane = this.#lanes.get(work.lane)
    const index = lane?.waiting.indexOf(work) ?? -1
    if (!lane || index < 0) return
    lane.waiting.splice(index, 1)
    if (lane.waiting.length > 0 || lane.busy) return
    this.#ready.delete(work.lane)
    this.#lanes.delete(work.lane)
  }

  names(): readonly string[] {
    return [...this.#lanes.keys()]
  }
}
