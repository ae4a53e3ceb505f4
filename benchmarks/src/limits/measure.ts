import { inDriver } from '../house/driver.ts'
import { figureOf } from '../house/rounds.ts'
import { syncsPerSecond } from './disk.ts'
import type { Limit, Limits } from './limits.ts'
import { framesPerSecond, requestsPerSecond, socketWritesPerSecond } from './network.ts'
import { postgresRates, type PostgresRun } from './postgres.ts'
import { codecPerSecond, jsonPerSecond } from './thread.ts'

const measures = {
  syncs: syncsPerSecond,
  codec: codecPerSecond,
  json: jsonPerSecond,
  frames: framesPerSecond,
  requests: requestsPerSecond,
  socketWrites: socketWritesPerSecond,
}

type Order = {
  [What in keyof typeof measures]: { readonly what: What; readonly run: Parameters<(typeof measures)[What]>[0] }
}[keyof typeof measures]

type Asked = { readonly runs: number } & (Order | { readonly what: 'postgres'; readonly run: PostgresRun })

/** One warm-up and so many runs, in a process of their own. */
export const limitRates = inDriver(import.meta.url, 'limitRates', async (asked: Asked): Promise<readonly number[]> => {
  if (asked.what === 'postgres') return postgresRates(asked.run, asked.runs)
  const measure = measures[asked.what] as (run: Asked['run']) => Promise<number>
  const rates: number[] = []
  for (let run = 0; run <= asked.runs; run++) rates.push(await measure(asked.run))
  return rates.slice(1)
})

interface Name {
  readonly id: string
  readonly title: string
  readonly unit: string
  /** What each of the things that were counted counts for. */
  readonly times?: number
}

/** Measures a limit, unless it is known. */
type Measure = (name: Name, asked: Omit<Asked, 'runs'>) => Promise<Limit>

export function limitsOf(options: { readonly isQuick: boolean; say(line: string): void }): Limits {
  const runs = options.isQuick ? 2 : 3
  const known = new Map<string, Promise<Limit>>()
  const measured: Limit[] = []
  const measure = async ({ times = 1, ...name }: Name, asked: Omit<Asked, 'runs'>): Promise<Limit> => {
    options.say(`${name.id}: ${name.title}`)
    const rates = await limitRates({ ...asked, runs } as Asked)
    const found = { ...name, value: figureOf(rates.map((rate) => rate * times)) }
    measured.push(found)
    return found
  }
  const limit: Measure = (name, asked) => {
    const found = known.get(name.id) ?? measure(name, asked)
    known.set(name.id, found)
    return found
  }
  return {
    ...ofDiskAndThread(limit, options),
    ...ofNetwork(limit, options),
    ...ofPostgres(limit, options),
    measured: () => [...measured].sort((left, right) => left.id.localeCompare(right.id, 'en', { numeric: true })),
  }
}

interface Size {
  readonly isQuick: boolean
}

function ofDiskAndThread(limit: Measure, { isQuick }: Size): Pick<Limits, 'syncs' | 'writes' | 'codec' | 'json'> {
  const messages = (bytes: number): number => Math.ceil((isQuick ? 30e6 : 100e6) / (bytes + 300))
  return {
    syncs: (bytes) =>
      limit(
        { id: `L1 ${sizeOf(bytes)}`, title: `appends of ${sizeOf(bytes)}, each durable before the next`, unit: '/s' },
        { what: 'syncs', run: { bytes, count: (isQuick ? 1 : 3) * (bytes > 100_000 ? 50 : 300) } },
      ),
    writes: () =>
      limit(
        { id: 'L2', title: 'written to one file that is durable after each MB', unit: 'MB/s', times: 1.048576 },
        { what: 'syncs', run: { bytes: 1_048_576, count: isQuick ? 100 : 500 } },
      ),
    codec: (bytes) =>
      limit(
        { id: `L3 ${sizeOf(bytes)}`, title: 'one thread encodes, checksums, resolves a promise', unit: 'msg/s' },
        { what: 'codec', run: { bytes, messages: messages(bytes) } },
      ),
    json: (direction, bytes) =>
      limit(
        { id: `L4 ${direction} ${sizeOf(bytes)}`, title: `one thread, JSON.${direction}`, unit: 'msg/s' },
        { what: 'json', run: { direction, bytes, messages: messages(bytes) } },
      ),
  }
}

function ofNetwork(limit: Measure, { isQuick }: Size): Pick<Limits, 'frames' | 'requests' | 'posts' | 'socketWrites'> {
  const seconds = isQuick ? 1 : 3
  return {
    frames: (bytes) =>
      limit(
        { id: `L6 ${sizeOf(bytes)}`, title: 'frames over one TCP socket of the loopback', unit: 'msg/s' },
        { what: 'frames', run: { bytes, seconds } },
      ),
    requests: () =>
      limit(
        { id: 'L7 requests', title: 'requests that node:http answers, 64 connections', unit: '/s' },
        { what: 'requests', run: { bytes: 2, requests: seconds * 10_000 } },
      ),
    posts: (bytes) =>
      limit(
        {
          id: `L7 posts ${sizeOf(bytes)}`,
          title: 'in POSTs of 100 that node:http takes in and does nothing with',
          unit: 'msg/s',
          times: 100,
        },
        { what: 'requests', run: { bytes: bytes * 100, requests: seconds * 3_000 } },
      ),
    socketWrites: () =>
      limit(
        { id: 'L10', title: 'writes of 200 B, to each of 10,000 sockets in turn', unit: '/s' },
        { what: 'socketWrites', run: { sockets: 10_000, bytes: 200, turns: isQuick ? 5 : 20 } },
      ),
  }
}

function ofPostgres(
  limit: Measure,
  { isQuick }: Size,
): Pick<Limits, 'rowCommits' | 'unnestInserts' | 'copiedRows' | 'scannedRows'> {
  const seconds = isQuick ? 1 : 3
  const rows = isQuick ? 100_000 : 1_000_000
  return {
    rowCommits: (clients) =>
      limit(
        { id: `L8 commits ${clients}`, title: `PostgreSQL, one row of 1 kB a commit, ${clients} at once`, unit: '/s' },
        { what: 'postgres', run: { what: 'row commits', clients, seconds } },
      ),
    unnestInserts: () =>
      limit(
        { id: 'L8 unnest', title: 'PostgreSQL, rows of 1 kB in statements of 500', unit: 'rows/s' },
        { what: 'postgres', run: { what: 'unnest', rows: rows / 10 } },
      ),
    copiedRows: () =>
      limit(
        { id: 'L8 COPY', title: 'PostgreSQL, rows of 1 kB by COPY', unit: 'rows/s' },
        { what: 'postgres', run: { what: 'copy', rows: rows / 10 } },
      ),
    scannedRows: (how) =>
      limit(
        {
          id: how === 'count' ? 'L8 count(*)' : 'L8 hash',
          title: `PostgreSQL, rows of 200 B ${how === 'count' ? 'counted' : 'hashed as text'} on one core`,
          unit: 'rows/s',
        },
        { what: 'postgres', run: { what: how, rows } },
      ),
  }
}

function sizeOf(bytes: number): string {
  if (bytes >= 1_048_576) return `${bytes / 1_048_576} MB`
  if (bytes % 1_024 === 0) return `${bytes / 1_024} kB`
  return bytes >= 1_000 ? `${bytes / 1_000} kB` : `${bytes} B`
}
