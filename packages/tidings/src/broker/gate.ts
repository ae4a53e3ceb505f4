import { Flow, type HeldBack } from '../delivery/index.ts'
import type { StoredSubscription } from './catalog.ts'

/** What stands between the events of a subscription that are ready and those who ask for them. */
export class Gate {
  readonly #flow: Flow

  constructor({ definition }: { readonly definition: StoredSubscription }) {
    this.#flow = new Flow({ paused: definition.paused !== undefined })
  }

  configure({ paused }: StoredSubscription): void {
    this.#flow.paused = paused !== undefined
  }

  /** How many more events may be handed out at present. */
  allowance(): number {
    return this.#flow.allowance()
  }

  heldBack(): HeldBack | undefined {
    return this.#flow.heldBack()
  }
}
