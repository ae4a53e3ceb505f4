import { rm } from 'node:fs/promises'
import type { Arrival, Departure, HeldStore, IdentityBounds, StoreItem, StoreStanding } from '../../engine/index.ts'
import type { Environment } from '../../environment/index.ts'
import { contentsOf } from './contents.ts'
import { openError } from './failures.ts'
import { fillStore } from './fill.ts'
import { holdFolder, type HeldFolder } from './folder.ts'
import { inspectFile } from './inspection.ts'
import type { Marker } from './marker.ts'
import { Session } from './session.ts'

interface HoldOptions {
  readonly path: string
  readonly environment: Environment
  readonly deduplication: { readonly maxIds: number; readonly maxAgeMs: number }
}

/**
 * Holds the store of a folder, whose marker says where it stands. Arrivals and departures are marked as a restore that
 * was cut short, too: so a version that does not know of moves leaves the folder alone.
 */
export async function holdStore(options: HoldOptions): Promise<HeldStore> {
  const { path, environment } = options
  try {
    const folder = await holdFolder(path, environment)
    try {
      const { complete = false, store = environment.ids.next(), past = [], arrival, departure } = folder.marker ?? {}
      if (complete) await folder.write({ complete, store, past })
      const standing = { store, past, ...(arrival && { arrival }), ...(departure && { departure }) }
      return new HeldFolderStore(options, folder, standing)
    } catch (error) {
      await folder.release()
      throw error
    }
  } catch (error) {
    throw openError(error, path)
  }
}

class HeldFolderStore implements HeldStore {
  readonly standing: StoreStanding
  readonly deduplication: HeldStore['deduplication']
  readonly #options: HoldOptions
  readonly #folder: HeldFolder
  #session: Session | undefined
  /** Whether there is a data file with something in it. */
  #isThere: boolean
  #arrival: Arrival | undefined
  #released = false

  constructor(options: HoldOptions, folder: HeldFolder, standing: StoreStanding) {
    this.standing = standing
    this.deduplication = options.deduplication
    this.#options = options
    this.#folder = folder
    this.#isThere = folder.marker?.complete === true || (standing.arrival?.ready ?? standing.departure !== undefined)
    this.#arrival = standing.arrival
  }

  async *contents(bounds: IdentityBounds): AsyncGenerator<readonly StoreItem[]> {
    if (this.#isThere) yield* contentsOf(await this.#open(), bounds)
  }

  async receive(arrival: Arrival, items: AsyncIterable<readonly StoreItem[]>): Promise<void> {
    this.#arrival = arrival
    await this.#mark({ complete: false, arrival: { ...arrival, ready: false } })
    await this.#close()
    const { dataFile } = this.#folder
    for (const left of [dataFile, `${dataFile}-lock`]) await rm(left, { force: true })
    await fillStore(await this.#open(), items)
    // What is read from here on is what a start will find.
    await this.#close()
    inspectFile(dataFile)
    this.#isThere = true
  }

  async ready(): Promise<void> {
    await this.#mark({ complete: false, arrival: { ...this.#arrival!, ready: true } })
  }

  async leave(departure: Departure): Promise<void> {
    await this.#mark({ complete: false, departure })
  }

  async complete(past: readonly string[]): Promise<void> {
    await this.#mark({ complete: true, past })
  }

  async takeBack(): Promise<void> {
    await (await this.#open()).beginAnotherLife()
    await this.#mark({ complete: true })
  }

  async release(): Promise<void> {
    if (this.#released) return
    this.#released = true
    await this.#close()
    await this.#folder.release()
  }

  #mark(marker: Omit<Marker, 'format'>): Promise<void> {
    const { store, past } = this.standing
    return this.#folder.write({ store, past, ...marker, ...(!marker.complete && { restoring: true }) })
  }

  async #open(): Promise<Session> {
    const { environment, deduplication } = this.#options
    this.#session ??= await Session.open({
      file: this.#folder.dataFile,
      environment,
      deduplication,
      onFatal: () => undefined,
      onGrown: () => undefined,
    })
    return this.#session
  }

  async #close(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.close()
  }
}
