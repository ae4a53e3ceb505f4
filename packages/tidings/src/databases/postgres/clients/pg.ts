import type { SqlRow } from '../../../database/index.ts'
import { LentClient, resultTypes, type PostgresClient, type PostgresPool } from '../../../postgres/index.ts'
import { transactionEnded } from '../client.ts'
import { LentConnection, type Client } from '../connection.ts'

/** Connections from a pool of `pg`. */
export function pgClient(pool: PostgresPool): Client {
  return {
    async begin({ readOnly, settings }) {
      const connection = new PgConnection(await LentClient.lend(pool, (client) => new LentClient(client)))
      try {
        await connection.execute(`${readOnly ? 'begin read only' : 'begin'}; ${settings}`)
      } catch (error) {
        connection.release()
        throw error
      }
      return connection
    },
  }
}

/** A connection of `pg`, which knows whether it is in a transaction. */
export class PgConnection extends LentConnection {
  readonly #lent: LentClient

  constructor(lent: LentClient) {
    super()
    this.#lent = lent
  }

  /** The connection of somebody else, who has begun a transaction on it. */
  static join(client: PostgresClient): PgConnection {
    return new PgConnection(new LentClient(client))
  }

  get lost(): boolean {
    return this.#lent.lost
  }

  get inTransaction(): boolean {
    return this.#lent.inTransaction
  }

  ensureInTransaction(): void {
    if (!this.inTransaction) throw transactionEnded()
  }

  protected async ask(text: string, values: unknown[]): Promise<SqlRow[]> {
    const { rows } = await this.#lent.client.query({ text, values, queryMode: 'extended', types: resultTypes })
    return rows as SqlRow[]
  }

  protected async tell(script: string): Promise<string> {
    const result: unknown = await this.#lent.client.query({ text: script })
    const last = (Array.isArray(result) ? result.at(-1) : result) as { readonly command: string }
    return last.command
  }

  override failure(error: unknown, doing: string): unknown {
    this.#lent.noteFailure(error)
    return super.failure(error, doing)
  }

  release(): void {
    this.#lent.release()
  }
}
