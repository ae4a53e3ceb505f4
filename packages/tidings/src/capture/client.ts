import { TidingsError } from '../errors.ts'

/** A pool of connections of `pg`: `new Pool({ connectionString })`. */
export interface CapturePool {
  connect(): Promise<CaptureClient>
}

/** One connection of the pool. */
export interface CaptureClient {
  query(query: CaptureQuery): Promise<{ readonly rows: unknown[] }>
  release(destroy?: boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

interface CaptureQuery {
  readonly text: string
  readonly values?: unknown[]
  readonly rowMode?: 'array'
  readonly types?: { getTypeParser(type: number, format?: string): (text: string) => unknown }
}

/** A client of `pg` for one replication connection: `new Client({ connectionString, replication: 'database' })`. */
export interface ReplicationClient {
  connect(): Promise<unknown>
  query(command: string): Promise<{ readonly rows: unknown[] }>
  query(flow: ReplicationFlow): unknown
  end(): Promise<void>
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
}

/** What a client of `pg` runs in place of a query: it sends the command itself and gets the answers. */
export interface ReplicationFlow {
  submit(connection: unknown): void
  handleCopyData(message: { readonly chunk: Buffer }): void
  handleCommandComplete(): void
  handleReadyForQuery(): void
  handleError(error: Error): void
}

/** The connection of such a client, as far as a flow needs it. */
export interface ReplicationConnection {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  readonly stream: { pause(): unknown; resume(): unknown; destroy(): unknown }
}

/** The SQLSTATE of an error, or the code of the socket's; empty where it has none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What somebody has to change before anything can be captured. */
export function refusal(message: string, cause?: unknown): TidingsError {
  return new TidingsError('bad-request', message, cause === undefined ? {} : { cause })
}

/** A name as a statement has it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as a statement has it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** How long to wait before connecting to PostgreSQL again. */
export const betweenConnections = { firstMs: 100, longestMs: 10_000 }
