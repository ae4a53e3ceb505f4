/** A read-only copy of another service's entity. */
export interface Replica<Row, Key> {
  /** How the service calls it; its subscription is named after it. */
  readonly name: string
  readonly topic: string
  /** The table to use in SQL; absent for a replica in memory. */
  readonly table: string | undefined
  /**
   * The row of a key; `undefined` where there is none. Rejects with `replica-not-ready` (retryable) while the first copy
   * is not complete. Inside a transaction it reads as the transaction does.
   */
  get(key: Key): Promise<Row | undefined>
  /** Every row, in no particular order; rejects like `get`. */
  all(): Promise<Row[]>
  status(): ReplicaStatus
}

export interface ReplicaStatus {
  /** `filling`: the first copy is not complete, reads are refused. `rebuilding`: reads see the copy before. */
  readonly state: 'stopped' | 'filling' | 'rebuilding' | 'ready'
  /** How old the oldest change is that is not applied; `undefined` while nobody knows. */
  readonly lagMs: number | undefined
  /** Keys whose newest state this service's contract cannot read, as far as is known: their rows are older, or absent. */
  readonly unreadable: number
}
