import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresDatabase as emptyDatabase, type PostgresTest, openPool } from '@tidings/tools/postgres'
import Client from 'libsql'
import { Client as PostgresClient, type Pool } from 'pg'
import type { Database } from '../database/index.ts'
import { postgresDatabase } from '../databases/postgres/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'

/** Where a service of the bench has its database. */
export interface Store {
  /** A process's connection; `busyTimeoutMs` is how long it waits for others. */
  open(options: { readonly busyTimeoutMs?: number }): Promise<{ database: Database; close(): Promise<void> }>
  /** A connection as somebody else might have it, which runs scripts. */
  connect(): Promise<{ run(script: string): Promise<void>; close(): Promise<void> }>
  /** Keeps the database as it is at present; the answered function puts it back, after everybody let go of it. */
  backup(): Promise<() => Promise<void>>
  remove(): Promise<void>
}

export const stores = ['sqlite', 'postgres'] as const

export async function createStore(kind: (typeof stores)[number], test: PostgresTest): Promise<Store> {
  const store = kind === 'sqlite' ? sqliteStore() : await postgresStore(test)
  const { database, close } = await store.open({})
  await database.migrate({
    name: 'crm',
    migrations: ['create table customers (id text primary key, name text not null)'],
  })
  await database.stop()
  await close()
  return store
}

function sqliteStore(): Store {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-outbox-'))
  let copies = 0
  let file = join(folder, 'service.db')
  return {
    async open({ busyTimeoutMs = 5_000 }) {
      const client = new Client(file)
      client.exec('pragma journal_mode = wal')
      const database = sqliteDatabase({ client, busyTimeoutMs })
      await database.start()
      return { database, close: async () => void client.close() }
    },
    async connect() {
      const client = new Client(file)
      return { run: async (script) => void client.exec(script), close: async () => void client.close() }
    },
    async backup() {
      const copy = join(folder, `backup-${++copies}.db`)
      const client = new Client(file)
      client.exec('pragma wal_checkpoint(truncate)')
      client.close()
      copyFileSync(file, copy)
      return async () => {
        // Under a new name: the client of a killed process still has the old file open until it is collected.
        file = join(folder, `restored-${++copies}.db`)
        copyFileSync(copy, file)
      }
    },
    remove: async () => rmSync(folder, { recursive: true }),
  }
}

async function postgresStore(test: PostgresTest): Promise<Store> {
  const { url } = await emptyDatabase(test)
  const name = new URL(url).pathname.slice(1)
  const admin = new URL(url)
  admin.pathname = 'postgres'
  const server = openPool({ connectionString: admin.href, max: 1 })
  const backups: string[] = []
  return {
    async open({ busyTimeoutMs }) {
      const pool = openPool({ connectionString: url })
      const database = postgresDatabase(busyTimeoutMs === undefined ? { pool } : { pool, lockTimeoutMs: busyTimeoutMs })
      await database.start()
      return { database, close: () => pool.end() }
    },
    async connect() {
      const client = new PostgresClient({ connectionString: url })
      await client.connect()
      return { run: async (script) => void (await client.query(script)), close: () => client.end() }
    },
    async backup() {
      const copy = `${name}_backup_${backups.length + 1}`
      backups.push(copy)
      await copyDatabase(server, name, copy)
      return async () => {
        await server.query(`drop database ${name} with (force)`)
        await copyDatabase(server, copy, name)
      }
    },
    async remove() {
      for (const copy of backups) await server.query(`drop database ${copy}`)
      await server.end()
    },
  }
}

/** A copy has the numbers of transactions of its original, like one that is restored to a moment of the past. */
async function copyDatabase(server: Pool, from: string, to: string): Promise<void> {
  await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${from}'`)
  await server.query(`create database ${to} template ${from}`)
}
