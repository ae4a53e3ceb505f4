import { TidingsError } from '../errors.ts'
import { codeOf, messageOf, type CaptureClient, type CapturePool } from './client.ts'

/** Each column of a row as the text that PostgreSQL gives for it. */
export type TextRow = readonly (string | null)[]

/** The forms in which PostgreSQL writes values, which both ways of reading rows must share, whatever a server is set to. */
export const forms: Readonly<Record<string, string>> = {
  datestyle: 'ISO',
  timezone: 'UTC',
  intervalstyle: 'iso_8601',
  extra_float_digits: '1',
  bytea_output: 'hex',
}

/** One transaction on a connection of the pool, whose results are texts. */
export interface Session {
  rows(text: string, values?: readonly unknown[]): Promise<readonly TextRow[]>
}

const texts = { getTypeParser: () => (text: string) => text }

/** Runs work on one snapshot of the database. */
export function read<Result>(pool: CapturePool, work: (session: Session) => Promise<Result>): Promise<Result> {
  return inTransaction(pool, 'begin isolation level repeatable read read only', work)
}

/**
 * Runs work in a transaction that writes. It does not wait for standbys: a server that counts the capture itself among
 * them would wait for what the capture only sends after this commit.
 */
export function write<Result>(pool: CapturePool, work: (session: Session) => Promise<Result>): Promise<Result> {
  return inTransaction(pool, 'begin; set local synchronous_commit = local', work)
}

/** Runs work in a transaction whose commit is as durable as the server's setting makes it. */
export function change<Result>(pool: CapturePool, work: (session: Session) => Promise<Result>): Promise<Result> {
  return inTransaction(pool, 'begin', work)
}

/** Runs one statement that cannot stand in a transaction which has written, such as one that creates a slot. */
export async function run(
  pool: CapturePool,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly TextRow[]> {
  return withClient(pool, (client) => rowsOf(client, text, values))
}

async function inTransaction<Result>(
  pool: CapturePool,
  begin: string,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const settings = Object.entries(forms).map(([name, value]) => `; set local ${name} = '${value}'`)
  return withClient(pool, async (client) => {
    await client.query({ text: begin + settings.join('') })
    const result = await work({ rows: (text, values = []) => rowsOf(client, text, values) })
    await client.query({ text: 'commit' })
    return result
  })
}

/** Lends a connection; one on which something failed is closed with whatever it had open. */
async function withClient<Result>(
  pool: CapturePool,
  work: (client: CaptureClient) => Promise<Result>,
): Promise<Result> {
  let failed = true
  const client = await pool.connect().catch((error: unknown) => {
    throw databaseError(error)
  })
  const onError = (): void => undefined
  client.on('error', onError)
  try {
    const result = await work(client)
    failed = false
    return result
  } catch (error) {
    throw databaseError(error)
  } finally {
    client.off('error', onError)
    client.release(failed)
  }
}

async function rowsOf(client: CaptureClient, text: string, values: readonly unknown[]): Promise<readonly TextRow[]> {
  const { rows } = await client.query({ text, values: [...values], rowMode: 'array', types: texts })
  return rows as TextRow[]
}

/** Connections that ended, servers that are starting or going away, and what they have no room for. */
const outOfReach = /^(08|53|57P|58)|^E[A-Z]/

/** A server that is out of reach, told apart from a statement that it refused. */
export function databaseError(error: unknown): unknown {
  if (error instanceof TidingsError) return error
  const code = codeOf(error)
  const lost = code === '' && /connection|not queryable|timeout/i.test(messageOf(error))
  if (!outOfReach.test(code) && !lost) return error
  return new TidingsError(
    'database-failed',
    `PostgreSQL failed or is out of reach (${code || messageOf(error)}); look at the server and its log.`,
    { cause: error },
  )
}
