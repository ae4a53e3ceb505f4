import { openPool } from '@tidings/tools/postgres'
import postgres from 'postgres'
import type { ForeignTransaction } from '../../database/conformance/index.ts'
import type { PostgresDatabaseOptions } from './index.ts'

/** What a test does through one of the clients that the database takes. */
export interface OpenClient {
  /** What `postgresDatabase` takes. */
  readonly connections: PostgresDatabaseOptions
  /** Begins a transaction as code would that does not know the kit. */
  readonly begin: () => Promise<ForeignTransaction & { readonly run: (text: string) => Promise<unknown> }>
  readonly end: () => Promise<void>
}

export interface ClientOptions {
  readonly url: string
  /** Parameters of the server, for each connection. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Every client that the database takes. */
export const clients = [
  { name: 'pg', open: openPg },
  { name: 'postgres.js', open: openPostgresJs },
] as const

function openPg({ url, settings = {} }: ClientOptions): OpenClient {
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
  const pool = openPool({ connectionString: url, options: options.join(' ') })
  return {
    connections: { pool },
    async begin() {
      const client = await pool.connect()
      await client.query('begin')
      const end = async (statement: string): Promise<void> => {
        await client.query(statement)
        client.release()
      }
      return {
        handle: client,
        run: (text) => client.query(text),
        commit: () => end('commit'),
        rollBack: () => end('rollback'),
      }
    },
    end: () => pool.end(),
  }
}

function openPostgresJs({ url, settings = {} }: ClientOptions): OpenClient {
  const sql = postgres(url, { connection: settings, onnotice: () => undefined })
  return {
    connections: { sql },
    begin: () =>
      new Promise((resolve, reject) => {
        const rolledBack = new Error('rolled back')
        const running = sql.begin(
          (handle) =>
            new Promise<void>((commit, rollBack) => {
              resolve({
                handle,
                run: (text) => handle.unsafe(text),
                commit: async () => {
                  commit()
                  await running
                },
                rollBack: async () => {
                  rollBack(rolledBack)
                  await running.catch((error: unknown) => {
                    if (error !== rolledBack) throw error
                  })
                },
              })
            }),
        )
        running.catch(reject)
      }),
    end: () => sql.end({ timeout: 1 }),
  }
}
