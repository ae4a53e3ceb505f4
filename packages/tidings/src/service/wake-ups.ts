/**
 * Tells that something was committed into tables of a database, sooner than whoever polls them would find it. A wake-up
 * may be lost, doubled or needless: what is true stands in the tables.
 */
export interface WakeUps {
  /** Begins, after the tables were made. What cannot be had is its own affair: it does not fail for that. */
  start(followed: {
    readonly name: string
    readonly tables: readonly string[]
    readonly wake: () => void
  }): Promise<void>
  stop(): Promise<void>
}

/** Where an outbox in PostgreSQL is written. */
export const outboxInserts = { name: 'outbox', tables: ['tidings.outbox_1', 'tidings.outbox_2'] } as const
