import { Client } from 'pg'
import { inFolder } from '../house/folder.ts'
import { startPostgres } from '../systems/postgres.ts'

type Measure = (clients: readonly Client[]) => Promise<number>

/** What each limit of PostgreSQL takes: how many clients, what there has to be, and one run of it. */
export type PostgresRun =
  | { readonly what: 'row commits'; readonly clients: number; readonly seconds: number }
  | { readonly what: 'unnest' | 'copy'; readonly rows: number }
  | { readonly what: 'count' | 'hash'; readonly rows: number }

/** A server of its own, and in it one warm-up and so many runs. */
export function postgresRates(run: PostgresRun, runs: number): Promise<readonly number[]> {
  return inFolder(async (folder) => {
    const server = await startPostgres(folder)
    try {
      const count = run.what === 'row commits' ? run.clients : 1
      const clients = Array.from({ length: count }, () => new Client({ connectionString: server.url }))
      await Promise.all(clients.map((client) => client.connect()))
      await clients[0]!.query('create table thing (id bigint generated always as identity primary key, data bytea)')
      const measure = measureOf(run)
      if (run.what === 'count' || run.what === 'hash') await fill(clients[0]!, run.rows)
      const rates: number[] = []
      for (let number = 0; number <= runs; number++) rates.push(await measure(clients))
      await Promise.all(clients.map((client) => client.end()))
      return rates.slice(1)
    } finally {
      await server.stop()
    }
  })
}

function measureOf(run: PostgresRun): Measure {
  switch (run.what) {
    case 'row commits':
      return (clients) => rowCommits(clients, run.seconds)
    case 'unnest':
      return ([client]) => rate(run.rows, () => unnest(client!, run.rows))
    case 'copy':
      return ([client]) => rate(run.rows, () => copy(client!, run.rows))
    case 'count':
      return ([client]) => rate(run.rows, () => client!.query('select count(*) from item'))
    case 'hash':
      return ([client]) => rate(run.rows, () => client!.query('select sum(hashtext(item::text)::bigint) from item'))
  }
}

async function rate(count: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (count * 1_000) / (performance.now() - start)
}

const kilobyte = Buffer.alloc(1_000, 'x')

async function rowCommits(clients: readonly Client[], seconds: number): Promise<number> {
  const start = performance.now()
  const end = start + seconds * 1_000
  let commits = 0
  await Promise.all(
    clients.map(async (client) => {
      for (; performance.now() < end; commits++) {
        await client.query({ name: 'insert', text: 'insert into thing (data) values ($1)', values: [kilobyte] })
      }
    }),
  )
  return (commits * 1_000) / (performance.now() - start)
}

async function unnest(client: Client, rows: number): Promise<void> {
  const values = [Array.from({ length: 500 }, () => kilobyte)]
  const text = 'insert into thing (data) select data from unnest($1::bytea[]) data'
  for (let written = 0; written < rows; written += 500) await client.query({ name: 'unnest', text, values })
}

/** From a file of the server, so that no client is in the way. */
async function copy(client: Client, rows: number): Promise<void> {
  const lines = `seq 1 ${rows} | sed 's/.*/${'x'.repeat(1_000)}/'`
  await client.query(`copy thing (data) from program $program$${lines}$program$`)
}

/** Rows of 200 B. */
async function fill(client: Client, rows: number): Promise<void> {
  await client.query(`
    create table item (id bigint primary key, price numeric(10, 2), stock integer, changed timestamptz, name text);
    insert into item select n, n / 100.0, n % 1000, '2026-01-01'::timestamptz + n * interval '1 second', repeat(md5(n::text), 4)
      from generate_series(1, ${rows}) n`)
  await client.query('vacuum analyze item')
  await client.query('set max_parallel_workers_per_gather = 0')
}
