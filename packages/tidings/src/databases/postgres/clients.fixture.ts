import { openPool } from '@tidings/tools/postgres'
import type { PoolClient } from 'pg'
import postgres, { type TransactionSql } from 'postgres'
import type { ForeignTransaction } from '../../database/conformance/index.ts'
import type { PostgresDatabaseOptions, PostgresHandle } from './index.ts'

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
  /** Behind a pooler that gives each transaction another connection, so that no statement can be prepared for later. */
  readonly pooled?: boolean
}

/** Every client that the database takes. */
export const clients = [
  { name: 'pg', open: openPg },
  { name: 'postgres.js', open: openPostgresJs },
] as const

/** The same with handles that the database does not know, and the parsers that these clients come with. */
export const foreignClients = [
  {
    name: 'a client that answers { rows }',
    open: foreign(openPg, (client: PoolClient) => ({ query: (text, values) => client.query(text, values) })),
  },
  {
    name: 'a client that answers rows',
    open: foreign(openPostgresJs, (sql: TransactionSql) => ({
      query: (text, values) => sql.unsafe(text, values as string[]),
    })),
  },
] as const

function foreign<Handle>(
  open: (options: ClientOptions) => OpenClient,
  wrap: (handle: Handle) => PostgresHandle,
): (options: ClientOptions) => OpenClient {
  return (options) => {
    const client = open(options)
    return {
      ...client,
      async begin() {
        const begun = await client.begin()
        return { ...begun, handle: wrap(begun.handle as Handle) }
      },
    }
  }
}

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

function openPostgresJs({ url, settings = {}, pooled = false }: ClientOptions): OpenClient {
  const sql = postgres(url, { connection: settings, prepare: !pooled, onnotice: () => undefined })
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
