import { sleep, type Environment } from '../environment/index.ts'
import { isTombstone, type Event } from '../event/index.ts'
import { latestPage, type BrokerListing } from './broker-listing.ts'
import type { CapturePool } from './client.ts'
import { listedEvent, missingEvent, type Life } from './events.ts'
import { readChunk } from './rows.ts'
import type { CaptureState } from './state.ts'
import type { CapturedTable } from './table.ts'

export interface ListingOptions extends BrokerListing {
  readonly pool: CapturePool
  readonly environment: Environment
  readonly life: Life
  readonly mostRows: number
  readonly signal: AbortSignal
  /** The table as it is at present. */
  readonly table: () => CapturedTable
  readonly state: () => CaptureState
  /** Runs work where the log has been published up to everything that is committed at the time of the call. */
  readonly atNote: (work: () => Promise<void>) => Promise<void>
  readonly publish: (events: readonly Event[]) => Promise<void>
  readonly save: (progress: Pick<CaptureState, 'stage' | 'cursor'>) => Promise<void>
}

const firstRows = 100
const mostBytes = 4 * 1_048_576
/** How long to wait for transactions that are older than this life. */
const lookAgainMs = 200

/**
 * Publishes the whole table while its changes go on being published, after the method of DBLog (Andreakis and
 * Papapanagiotou, 2020), with versions in the place of comparing keys. Chunks of rows are read in the order of the key,
 * each one a short transaction; how far they came is written down after the broker's answer.
 *
 * Why a row that was listed never hides a change. All listed rows have one version, just below `base`, the place in the
 * log where this life began; every change that is committed from there on has a higher one and is published from the
 * log. Let T be the last transaction that changed a row which a chunk has read, and what it read its state. If T's commit
 * stands at `base` or later, T's own event wins over the listed row, whichever is published first. If it stands before,
 * nothing else will tell of the row, and what was read must be the state that T left: a change that stands in the log
 * before `base` but was not visible when the chunk was read would be missing for good. So no chunk is read before every
 * transaction that was open when this life began is over (`horizon`).
 *
 * Why readers do not see an entity go back. A chunk may have read the effect of changes that are not published yet. So
 * after it was read a note is written into the log, and its rows are published when the note comes back: by then every
 * change that the chunk can have seen is published, and for each of those keys the broker takes the listed row for the
 * stale one that it is. That is DBLog's high watermark; its low one, and looking for the keys that the log had in
 * between, is what the broker does by comparing versions.
 *
 * After the last chunk, every key whose newest event at the broker is from an earlier life is no row any more: it was
 * neither listed nor changed since `base`. Its tombstone is older than what is listed, so that it cannot win over a row.
 */
export class Listing {
  readonly #options: ListingOptions
  #limit: number

  constructor(options: ListingOptions) {
    this.#options = options
    this.#limit = Math.min(firstRows, options.mostRows)
  }

  /** Goes on where it was interrupted and resolves when everything is published. */
  async run(): Promise<void> {
    const { state, signal } = this.#options
    while (state().stage !== 'done' && !signal.aborted) {
      if (state().stage === 'table') await this.#listRows()
      else await this.#listMissing()
    }
  }

  async #listRows(): Promise<void> {
    const { pool, environment, signal, life, table: present, state, atNote, publish, save } = this.#options
    const { cursor, horizon, base, first } = state()
    const table = present()
    const after = cursor === undefined ? undefined : (JSON.parse(cursor) as string[])
    const limit = this.#limit
    const rows = await readChunk(pool, table, { after, limit, horizon })
    if (!rows) return sleep(environment, lookAgainMs, signal)
    const events = rows.map((row) => listedEvent(life, { row, form: table.form, base, first }))
    await atNote(async () => {
      // The table was emptied after the chunk was read.
      if (state().stage !== 'table') return
      await publish(events)
      const last = rows.length < limit ? undefined : rows.at(-1)
      if (last) await save({ stage: 'table', cursor: JSON.stringify(table.form.keyTexts(last)) })
      else await save({ stage: 'broker', cursor: undefined })
    })
    this.#adapt(events)
  }

  async #listMissing(): Promise<void> {
    const { life, table, state, atNote, publish, save } = this.#options
    const { cursor, base } = state()
    const page = await latestPage(this.#options, cursor)
    const missing = page.events.filter(
      ({ event }) => !isTombstone(event) && (event.sourceepoch ?? 0) < life.sourceepoch,
    )
    await atNote(async () => {
      if (state().stage !== 'broker') return
      await publish(missing.map(({ event }) => missingEvent(life, { key: event.key!, form: table().form, base })))
      await save({ stage: page.next === undefined ? 'done' : 'broker', cursor: page.next })
    })
  }

  /** Reads as many rows at once as fit into memory, by the size of those that were read. */
  #adapt(events: readonly Event[]): void {
    if (events.length === 0) return
    const bytes = events.reduce((sum, { data }) => sum + (data?.length ?? 0), 0)
    this.#limit = Math.max(1, Math.min(this.#options.mostRows, Math.floor((mostBytes * events.length) / (bytes + 1))))
  }
}
