import type { RefusedEvent, Spool, SpooledBatch, SpooledPlace } from '../client/index.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { formatStructured } from '../event/index.ts'
import { lockFolder, makeFolder } from '../folder/index.ts'
import { appendLine, refusedBytes, refusedName } from './refused.ts'
import { decodeEntry, encodeEntry, type Entry } from './frames.ts'
import { appendTo, createSegment, cut, openSegments, removeSegment, type Segment } from './segments.ts'

export interface FileSpoolOptions {
  /** Belongs to the spool; one client of one process uses it at a time. */
  readonly folder: string
  /** How much the folder may hold; 64 MiB by default. */
  readonly maxBytes?: number
  /** An event that was spooled was refused when it was sent; it stands in `refused.jsonl` in the folder. */
  readonly onRefused?: (refused: RefusedEvent) => void
  /** Sending failed and is tried again. */
  readonly onTrouble?: (error: Error) => void
}

/** What lies in a spool. */
export interface FileSpoolStats {
  /** Events that wait to be sent. */
  readonly events: number
  /** Of the folder's files. */
  readonly bytes: number
}

export interface FileSpool extends Spool {
  stats(): FileSpoolStats
}

const defaultMaxBytes = 67_108_864
/** A file is removed as a whole; this many of them fill the spool. */
const segmentsInAll = 8

/**
 * A spool in files of one folder, for `connect(url, { spool })` in Node: what is published while the server is out of
 * reach is on disk before `publish` resolves, and is sent in order when the server is back, in this life of the process
 * or a later one.
 */
export function fileSpool(options: FileSpoolOptions): FileSpool {
  return new SpoolInFiles(options)
}

interface Placed extends SpooledPlace {
  readonly segment: Segment
  readonly at: number
}

class SpoolInFiles implements FileSpool {
  readonly #folder: string
  readonly #maxBytes: number
  readonly #options: FileSpoolOptions
  readonly #waiting = new Map<number, Placed>()
  #segments: Segment[] = []
  #nextNumber = 1
  #refusedBytes = 0
  #release: (() => Promise<void>) | undefined
  #failed: TidingsError | undefined
  /** One write at a time. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: FileSpoolOptions) {
    this.#options = options
    this.#folder = options.folder
    this.#maxBytes = options.maxBytes ?? defaultMaxBytes
  }

  stats(): FileSpoolStats {
    let events = 0
    for (const place of this.#waiting.values()) events += place.events
    return { events, bytes: this.#bytes() }
  }

  async open(environment: Environment): Promise<readonly SpooledPlace[]> {
    await makeFolder(this.#folder)
    const release = await lockFolder(this.#folder, environment, { what: 'spool', user: 'client' })
    try {
      this.#waiting.clear()
      this.#failed = undefined
      this.#segments = await openSegments(this.#folder, (entry, segment, at, length) => {
        this.#found(entry, segment, at, length)
      })
      this.#refusedBytes = await refusedBytes(this.#folder)
    } catch (error) {
      await release()
      throw error
    }
    this.#release = release
    return [...this.#waiting.values()]
  }

  append({ caller, topic, events }: SpooledBatch): Promise<SpooledPlace> {
    return this.#serially(async () => {
      const number = this.#nextNumber
      const entry = encodeEntry({ kind: 'batch', number, batch: { caller, topic, events } })
      if (this.#bytes() + entry.length > this.#maxBytes) throw this.#full(`${this.#bytes()} of ${this.#maxBytes} bytes`)
      const { segment, at } = await this.#write(entry)
      this.#nextNumber++
      const place: Placed = { caller, topic, number, events: events.length, bytes: entry.length, segment, at }
      segment.waiting++
      this.#waiting.set(number, place)
      return place
    })
  }

  async read({ number }: SpooledPlace): Promise<SpooledBatch> {
    const place = this.#waiting.get(number)
    if (!place) throw new Error(`Batch ${number} is not in the spool any more.`)
    const bytes = Buffer.alloc(place.bytes)
    await place.segment.handle.read(bytes, 0, bytes.length, place.at)
    const found = decodeEntry(bytes, 0)
    if (found?.entry.kind === 'batch') return found.entry.batch
    throw new TidingsError(
      'store-corrupt',
      `The spool's file ${place.segment.path} cannot be read at byte ${place.at}; look at the disk.`,
    )
  }

  remove(places: readonly SpooledPlace[]): Promise<void> {
    return this.#serially(async () => {
      const numbers = places.map(({ number }) => number)
      if (this.#waiting.size > numbers.length) {
        // Without this note they are sent once more by the next life, and known by their stamps.
        await this.#write(encodeEntry({ kind: 'removed', numbers })).catch((error: Error) => this.trouble(error))
      }
      for (const number of numbers) this.#forget(number)
      await this.#removeEmpty()
    })
  }

  refuse(refused: RefusedEvent): Promise<void> {
    return this.#serially(async () => {
      const { event, ...why } = refused
      const line = `${JSON.stringify(why).slice(0, -1)},"event":${formatStructured(event, { base64: true })}}\n`
      this.#refusedBytes += await appendLine(this.#folder, line)
      this.#options.onRefused?.(refused)
    })
  }

  trouble(error: Error): void {
    this.#options.onTrouble?.(error)
  }

  async close(): Promise<void> {
    await this.#last
    await Promise.all(this.#segments.map(({ handle }) => handle.close()))
    this.#segments = []
    await this.#release?.()
    this.#release = undefined
  }

  #found(entry: Entry, segment: Segment, at: number, bytes: number): void {
    if (entry.kind === 'removed') {
      for (const number of entry.numbers) this.#forget(number)
      this.#nextNumber = Math.max(this.#nextNumber, ...entry.numbers.map((number) => number + 1))
      return
    }
    const { number, batch } = entry
    const { caller, topic } = batch
    segment.waiting++
    this.#waiting.set(number, { caller, topic, number, events: batch.events.length, bytes, segment, at })
    this.#nextNumber = Math.max(this.#nextNumber, number + 1)
  }

  #forget(number: number): void {
    const place = this.#waiting.get(number)
    if (!place) return
    this.#waiting.delete(number)
    place.segment.waiting--
  }

  async #write(entry: Buffer): Promise<{ segment: Segment; at: number }> {
    if (this.#failed) throw this.#failed
    let segment = this.#segments.at(-1)
    try {
      if (!segment || (segment.bytes > 0 && segment.bytes + entry.length > this.#maxBytes / segmentsInAll)) {
        segment = await createSegment(this.#folder, (segment?.number ?? 0) + 1)
        this.#segments.push(segment)
      }
      const at = segment.bytes
      await appendTo(segment, entry)
      return { segment, at }
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      // What was written in part must not stand between whole entries.
      const isWhole =
        !segment ||
        (await cut(segment).then(
          () => true,
          () => false,
        ))
      if (isWhole && (code === 'ENOSPC' || code === 'EDQUOT')) throw this.#full(message)
      this.#failed = new TidingsError(
        'store-failed',
        `Writing to the spool in ${this.#folder} failed: ${message}. Nothing was kept since; look at the disk, then start the process again.`,
        { cause },
      )
      throw this.#failed
    }
  }

  /** From the oldest on, because what was removed of a file is written in later ones. */
  async #removeEmpty(): Promise<void> {
    while (this.#segments[0]?.waiting === 0 && this.#segments.length > 1) {
      await removeSegment(this.#segments.shift()!)
    }
    const [only] = this.#segments
    if (!only || this.#waiting.size > 0) return
    only.bytes = 0
    await cut(only)
  }

  #bytes(): number {
    return this.#segments.reduce((bytes, segment) => bytes + segment.bytes, this.#refusedBytes)
  }

  #full(reason: string): TidingsError {
    const refused =
      this.#refusedBytes > 0
        ? ` ${this.#refusedBytes} bytes of it are ${refusedName}: look at those events, then remove the file.`
        : ''
    return new TidingsError(
      'spool-full',
      `The spool in ${this.#folder} is full (${reason}), and the server is out of reach; this was not kept. Publish it again later, or give the spool more room.${refused}`,
      { details: { folder: this.#folder } },
    )
  }

  #serially<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }
}
