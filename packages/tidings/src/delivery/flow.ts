/** Why an event that is ready is not handed out. */
export type HeldBack = 'paused'

/**
 * How much of one subscription may be handed out, over all its shards and consumers. It is pure: it is told what is in
 * flight and what time it is.
 */
export class Flow {
  /** An operator's word: nothing is handed out; what is leased may be settled. */
  paused: boolean

  constructor(options: { readonly paused: boolean }) {
    this.paused = options.paused
  }

  /** How many more events may be handed out at present; `Infinity` where nothing limits them. */
  allowance(): number {
    return this.heldBack() ? 0 : Infinity
  }

  /** What keeps ready events from being handed out; `undefined` when nothing does. */
  heldBack(): HeldBack | undefined {
    return this.paused ? 'paused' : undefined
  }
}
