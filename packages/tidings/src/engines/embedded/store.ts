import { open, type RootDatabase } from 'lmdb'
import { TidingsError } from '../../errors.ts'
import { storeError } from './failures.ts'
import { quietCommits } from './quiet-commits.ts'

/** One change of the store; a value of `undefined` removes the key. */
export interface Put {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

export interface KeyRange {
  readonly from: Uint8Array
  /** Not included. */
  readonly to: Uint8Array
}

/**
 * Ordered keys and values in one LMDB file.
 *
 * LMDB is opened without overlapping sync: a transaction writes its pages, waits for them (fdatasync), writes its meta
 * page through a descriptor that is itself synchronous, and only then is visible and reported. What is read is on disk,
 * and a commit that resolved survives a power loss. It runs in a thread of LMDB's, so that this one goes on meanwhile.
 */
export class Store {
  readonly #database: RootDatabase<Uint8Array, Uint8Array>
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    this.#database = reading(() =>
      open<Uint8Array, Uint8Array>({
        path: file,
        noSubdir: true,
        overlappingSync: false,
        eventTurnBatching: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        maxDbs: 1,
      }),
    )
    quietCommits(this.#database)
  }

  /** A copy of the value; `undefined` where there is none. */
  get(key: Uint8Array): Uint8Array | undefined {
    return reading(() => {
      const value = this.#database.getBinary(key)
      return value && plain(value)
    })
  }

  /** Entries in key order, at most `limit`; `reverse` begins at the end of the range. */
  entries(
    { from, to }: KeyRange,
    { limit, reverse = false }: { limit?: number; reverse?: boolean } = {},
  ): Iterable<{
    key: Uint8Array
    value: Uint8Array
  }> {
    const bounds = reverse
      ? { start: to, end: from, exclusiveStart: true, inclusiveEnd: true }
      : { start: from, end: to }
    const entries = this.#database.getRange({ ...bounds, reverse, ...(limit !== undefined && { limit }) })
    return readingEach(entries.map(({ key, value }) => ({ key, value: plain(value) })))
  }

  /** Keys in order, at most `limit`. */
  keys({ from, to }: KeyRange, { limit }: { limit?: number } = {}): Iterable<Uint8Array> {
    return readingEach(this.#database.getKeys({ start: from, end: to, ...(limit !== undefined && { limit }) }))
  }

  /** Applies all puts or none, in order; durable when it resolves. The values must not change until then. */
  async commit(puts: readonly Put[]): Promise<void> {
    try {
      await this.#database.batch(() => {
        for (const { key, value } of puts) {
          if (value) void this.#database.put(key, value)
          else void this.#database.remove(key)
        }
      })
    } catch (error) {
      const bytes = puts.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0)
      throw this.#confirm(storeError(await causeOf(error), { file: this.#file, bytes }))
    }
  }

  /** Whether LMDB goes on after a full disk: not when its meta page was what could not be written. */
  #confirm(error: TidingsError): TidingsError {
    if (error.code !== 'store-full') return error
    try {
      this.#database.transactionSync(() => {})
      return error
    } catch (cause) {
      return storeError(cause, { file: this.#file, bytes: 0 })
    }
  }

  /** Copies everything as of one moment to a new file, which is not durable yet; writers go on meanwhile. */
  async copyTo(file: string): Promise<void> {
    // As it is, page for page: LMDB's compaction leaves no second meta page, by which a damaged copy would show.
    await this.#database.backup(file, false)
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

/** The same bytes without the properties that LMDB hangs on its buffers. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** LMDB's writer reports that a commit failed, and why in a second promise. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  try {
    return (await error.commitError) ?? error
  } catch (cause) {
    return cause
  }
}

function reading<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (cause) {
    throw damaged(cause)
  }
}

function* readingEach<Item>(items: Iterable<Item>): Iterable<Item> {
  try {
    yield* items
  } catch (cause) {
    throw damaged(cause)
  }
}

function damaged(cause: unknown): unknown {
  if (cause instanceof TidingsError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new TidingsError('store-corrupt', `The store cannot be read: ${reason}. Restore it from a backup.`, { cause })
}
