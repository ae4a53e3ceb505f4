import type { SqlRow } from '../../../database/index.ts'
import { isClient, LentClient, resultTypes, type PostgresPool } from '../../../postgres/index.ts'
import { transactionEnded } from '../client.ts'
import { LentConnection, type Client, type Connection } from '../connection.ts'
import type { BoundValue } from '../values.ts'

/** Connections from a pool of `pg`. */
export function pgClient(pool: PostgresPool): Client {
  const once = async (): Promise<PgConnection> =>
    new PgConnection(await LentClient.lend(pool, (client) => new LentClient(client)))
  return {
    once,
    async begin({ mode, settings }) {
      const connection = await once()
      try {
        await connection.execute(`begin ${mode}; ${settings}`)
      } catch (error) {
        connection.release()
        throw error
      }
      return connection
    },
  }
}

/** The client on which somebody else has begun a transaction. */
export function joinPg(handle: unknown): Connection | undefined {
  return isClient(handle) ? new PgConnection(new LentClient(handle)) : undefined
}

/** A connection of `pg`, which knows whether it is in a transaction. */
class PgConnection extends LentConnection {
  readonly #lent: LentClient

  constructor(lent: LentClient) {
    super()
    this.#lent = lent
  }

  get lost(): boolean {
    return this.#lent.lost
  }

  ensureInTransaction(): void {
    if (!this.#lent.inTransaction) throw transactionEnded()
  }

  protected async ask(text: string, values: BoundValue[]): Promise<SqlRow[]> {
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
