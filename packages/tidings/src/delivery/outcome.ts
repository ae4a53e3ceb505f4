/** What a consumer says became of a delivery. */
export type SettleAction =
  | { readonly action: 'ack' }
  /**
   * Tried again by the subscription's policy, not before `afterMs` where that is given. Counts an attempt, unless `outage`
   * names what was out of reach and an outage is noticed.
   */
  | { readonly action: 'retry'; readonly reason: string; readonly afterMs?: number; readonly outage?: string }
  | { readonly action: 'dead-letter'; readonly reason: string }
  /** Data that it needs is not there yet: handed out again after `afterMs` or a `wake`. Counts no attempt. */
  | { readonly action: 'wait'; readonly reason: string; readonly afterMs?: number }
  /** Handed back untouched: counts no attempt. */
  | { readonly action: 'release' }

/** What became of what it said: a lease that has ended, or whose turn has not come, changes nothing. */
export type SettleStatus = 'settled' | 'lease-lost' | 'lease-out-of-order'
