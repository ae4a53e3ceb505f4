import { Flow, type HeldBack, type Moment, type Outage, type OutageStatus } from '../delivery/index.ts'
import type { Environment } from '../environment/index.ts'
import type { StoredSubscription } from './catalog.ts'
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
  #cancelTimer: () => void = () => undefined

  constructor(options: GateOptions) {
    const { definition, shards, outage } = options
    this.#options = options
    const fresh = shards.every(({ machine: { state } }) => state.generation === 1 && state.leaseMark === state.start)
    const { policy, paused } = definition
    this.#flow = new Flow({ policy, paused: paused !== undefined, fresh, outage }, this.#now())
  }

  configure({ policy, paused }: StoredSubscription): void {
    this.#flow.paused = paused !== undefined
    this.#flow.configure(policy, this.#now())
  }

  /** How many more events may be handed out at present. */
  allowance(): number {
    return this.#flow.allowance(this.#inFlight(), this.#now())
  }

  /** So many events were handed out. */
  spend(count: number): void {
    this.#flow.spend(count, this.#now())
  }

  get outage(): OutageStatus | undefined {
    return this.#flow.outage.present
  }

  heldBack(): HeldBack | undefined {
    return this.#flow.heldBack(this.#inFlight(), this.#now())
  }

  /** Sees to it that `onOpen` is called when time lets more through. */
  comeBack(): void {
    this.close()
    const { environment, onOpen } = this.#options
    const now = this.#now()
    const at = this.#flow.nextAt(now)
    if (at === Infinity) return
    this.#cancelTimer = environment.timers.after(Math.max(1, Math.ceil(at - now.monotonic)), onOpen)
  }

  close(): void {
    this.#cancelTimer()
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
