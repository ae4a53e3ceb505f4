import { Flow, type HeldBack, type Moment, type Outage, type OutageStatus } from '../delivery/index.ts'
import type { Environment } from '../environment/index.ts'
import type { StoredSeekRate, StoredSubscription } from './catalog.ts'
import type { ShardRunner } from './shard-runner.ts'

export interface GateOptions {
  readonly environment: Environment
  readonly definition: StoredSubscription
  readonly shards: readonly ShardRunner[]
  readonly outage: Outage
  /** Called when time alone lets more through. */
  readonly onOpen: () => void
}

/** What stands between the events of a subscription that are ready and those who ask for them. */
export class Gate {
  readonly #options: GateOptions
  readonly #flow: Flow
  #seekRate: StoredSeekRate | undefined
  #seekGeneration: number | undefined
  /** The moment for which `allowance` answers, and from which `comeBack` looks ahead. */
  #present: Moment
  #cancelTimer: () => void = () => undefined

  constructor(options: GateOptions) {
    const { definition, shards, outage } = options
    this.#options = options
    const fresh = shards.every(({ machine: { state } }) => state.generation === 1 && state.leaseMark === state.start)
    const { policy, paused, seekRate } = definition
    this.#present = this.#now()
    this.#seekRate = seekRate
    this.#seekGeneration = seekRate?.generation
    this.#flow = new Flow({ policy, paused: paused !== undefined, fresh, outage }, this.#now())
  }

  configure({ policy, paused, seekRate }: StoredSubscription): void {
    if (seekRate?.generation !== this.#seekGeneration) {
      this.#flow.bound(undefined, this.#now())
      this.#seekRate = seekRate
      this.#seekGeneration = seekRate?.generation
    }
    this.#flow.paused = paused !== undefined
    this.#flow.configure(policy, this.#now())
  }

  /** What a seek allows, while some of its events have not passed; then it is over for good. */
  get seekRate(): StoredSeekRate | undefined {
    const { shards } = this.#options
    const rate = this.#seekRate
    if (!rate) return undefined
    const moved = shards.filter(({ generation }) => generation >= rate.generation)
    if (moved.some(({ floor }) => floor < rate.until)) return rate
    if (moved.length === shards.length) this.#seekRate = undefined
    return undefined
  }

  /** Whether progress alone may let more through: a seek bounds the rate until its events have passed. */
  get followsSeek(): boolean {
    return this.#seekRate !== undefined
  }

  /**
   * Begins to serve everybody who waits. Until `comeBack` that is one moment: what time let through in between would have
   * been refused, and would not be come back for either.
   */
  look(): void {
    this.#present = this.#now()
  }

  /** How many more events may be handed out at present. */
  allowance(): number {
    return this.#boundFlow(this.#present).allowance(this.#inFlight(), this.#present)
  }

  /** So many events were handed out. */
  spend(count: number): void {
    this.#flow.spend(count, this.#present)
  }

  get outage(): OutageStatus | undefined {
    return this.#flow.outage.present
  }

  heldBack(): HeldBack | undefined {
    const now = this.#now()
    return this.#boundFlow(now).heldBack(this.#inFlight(), now)
  }

  /** Sees to it that `onOpen` is called when time lets more through. */
  comeBack(): void {
    this.close()
    const { environment, onOpen } = this.#options
    const now = this.#present
    const at = this.#boundFlow(now).nextAt(now)
    if (at === Infinity) return
    this.#cancelTimer = environment.timers.after(Math.max(1, Math.ceil(at - now.monotonic)), onOpen)
  }

  close(): void {
    this.#cancelTimer()
  }

  #boundFlow(now: Moment): Flow {
    const { seekRate } = this
    this.#flow.bound(seekRate && { ...seekRate, burst: Math.max(1, Math.ceil(seekRate.perSecond)) }, now)
    return this.#flow
  }

  #inFlight(): number {
    const states = this.#options.shards.map(({ machine }) => machine.state)
    // After a crash nobody knows what its consumers have, until they have spoken or their grace is over.
    if (states.some(({ reservedThrough }) => reservedThrough >= 0)) return Infinity
    return states.reduce((total, { inFlight }) => total + inFlight, 0)
  }

  #now(): Moment {
    return moment(this.#options.environment)
  }
}

/** The present moment on both clocks. */
export function moment({ clock }: Environment): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() }
}
