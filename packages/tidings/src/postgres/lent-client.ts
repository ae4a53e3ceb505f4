import { isLost, type PostgresClient } from './client.ts'

/** A connection for the time that its pool lends it. */
export class LentClient {
  readonly client: PostgresClient
  /** It has ended under us: the pool must not lend it again. */
  lost = false

  constructor(client: PostgresClient) {
    this.client = client
  }

  /** Takes a connection from the pool. One that ends while nobody asks it anything would end the process with it. */
  take(): this {
    this.client.on('error', this.#onError)
    return this
  }

  readonly #onError = (): void => {
    this.lost = true
  }

  get inTransaction(): boolean {
    return this.client.getTransactionStatus() === 'T' || this.client.getTransactionStatus() === 'E'
  }

  /** Remembers what a failure says about the connection. */
  noteFailure(error: unknown): void {
    if (isLost(error)) this.lost = true
  }

  /** Gives it back; one that ended or is still in a transaction is closed. */
  release(): void {
    this.client.off('error', this.#onError)
    this.client.release(this.lost || this.inTransaction)
  }
}
