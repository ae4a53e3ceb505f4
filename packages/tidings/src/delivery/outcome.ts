/** What became of what it said: a lease that has ended, or whose turn has not come, changes nothing. */
export type SettleStatus = 'settled' | 'lease-lost' | 'lease-out-of-order'

/** What a consumer says became of a delivery. */
export type SettleAction =
  | { readonly action: 'ack' }
  | { readonly action: 'retry'; readonly reason: string; readonly afterMs?: number }
  | { readonly action: 'dead-letter'; readonly reason: string }
  | { readonly action: 'wait'; readonly reason: string; readonly afterMs?: number }
  | { readonly action: 'release' }
