import { isLost, type PostgresClient, type PostgresPool } from './client.ts'

/** A connection for the time that its pool lends it. */
export class LentClient {
  readonly client: PostgresClient
  /** It has ended under us: the pool must not lend it again. */
  lost = false

  constructor(client: PostgresClient) {
    this.client = client
  }

  /**
   * Takes a connection from the pool. One that ends while nobody asks it anything would end the process with it, and it
   * may end in the very moment in which it is lent, so nothing may come between the two lines.
   */
  static lend<Lent extends LentClient>(pool: PostgresPool, create: (client: PostgresClient) => Lent): Promise<Lent> {
    return new Promise((resolve, reject) => {
      pool.connect((error, client) => {
        if (!client) return reject(error ?? new Error('The pool has lent nothing.'))
        const lent = create(client)
        client.on('error', lent.#onError)
        resolve(lent)
      })
    })
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
    const destroy = this.lost || this.inTransaction
    // One that is being closed may still say why it ended, and nobody else listens to it any more.
    if (!destroy) this.client.off('error', this.#onError)
    this.client.release(destroy)
  }
}
