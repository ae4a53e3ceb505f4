import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TidingsError } from '../../errors.ts'
import type { Environment } from '../../environment/index.ts'
import { lockFolder, makeFolder, syncFolder } from '../../folder/index.ts'
import { inspectFile } from './inspection.ts'

/** The folder of a store, locked for this engine. */
export interface Folder {
  readonly dataFile: string
  /** Notes that the store was made and opened. */
  complete(): Promise<void>
  /** Lets others have it. */
  release(): Promise<void>
}

interface Marker {
  readonly store: 'tidings-embedded'
  readonly format: number
  /** `false` until the store was opened for the first time: nothing was acknowledged yet. */
  readonly complete: boolean
  /** A backup is being restored into the folder: it is no store until that has ended. */
  readonly restoring?: boolean
}

/** How stores of this version are stored; each store says which format it has. The one before is read, and raised. */
export const storeFormat = 2

/**
 * Locks the folder, makes the store where there is none, and checks that what is there is a store of ours, whole, and
 * in a format that this version reads. Leaves everything untouched when it rejects.
 */
export async function openFolder(path: string, environment: Environment): Promise<Folder> {
  await makeFolder(path)
  const unlock = await lockFolder(path, environment, { what: 'store', user: 'engine' })
  const dataFile = join(path, 'data.mdb')
  try {
    const marker = await readMarker(path)
    if (marker?.restoring) throw unfinished(path)
    if (marker?.complete) inspectFile(dataFile)
    else await prepare(path, dataFile, marker)
    // Before anything is written that a version of before could not read.
    if (marker?.complete && marker.format < storeFormat) await writeMarker(path, { complete: true })
    await removeCopies(path)
    return {
      dataFile,
      complete: async () => {
        if (!marker?.complete) await writeMarker(path, { complete: true })
      },
      release: unlock,
    }
  } catch (error) {
    await unlock()
    throw error
  }
}

/**
 * Locks a folder without a store (or with one whose restoring was cut short) for a data file that `write` makes of a
 * backup. Until that has ended the folder says that it is no store, also after a crash.
 */
export async function restoreFolder(
  path: string,
  environment: Environment,
  write: (dataFile: string) => Promise<void>,
): Promise<void> {
  await makeFolder(path)
  const unlock = await lockFolder(path, environment, { what: 'store', user: 'engine' })
  const dataFile = join(path, 'data.mdb')
  try {
    const marker = await readMarker(path)
    if (!marker?.restoring && (marker || (await exists(dataFile)))) {
      throw new TidingsError(
        'store-locked',
        `There is a store in ${path}, and a backup replaces none; move that folder away, or name an empty one.`,
        { details: { path } },
      )
    }
    await writeMarker(path, { complete: false, restoring: true })
    for (const left of [dataFile, `${dataFile}-lock`]) await rm(left, { force: true })
    await write(dataFile)
    await syncFolder(path)
    await writeMarker(path, { complete: true })
  } finally {
    await unlock()
  }
}

/** What a backup left behind whose process ended. */
async function removeCopies(path: string): Promise<void> {
  for (const name of await readdir(path)) if (name.startsWith('copy.')) await rm(join(path, name), { force: true })
}

async function prepare(path: string, dataFile: string, marker: Marker | undefined): Promise<void> {
  if (!marker && (await exists(dataFile))) {
    throw corrupt(path, `it holds a data.mdb without the file ${markerName} that says what it is`)
  }
  await rm(dataFile, { force: true })
  await rm(`${dataFile}-lock`, { force: true })
  await writeMarker(path, { complete: false })
}

const markerName = 'tidings.json'

async function readMarker(path: string): Promise<Marker | undefined> {
  const text = await readFile(join(path, markerName), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw corrupt(path, `${markerName} cannot be read`, error)
  })
  if (text === undefined) return undefined
  let marker: Partial<Marker>
  try {
    marker = JSON.parse(text) as Partial<Marker>
  } catch (cause) {
    throw corrupt(path, `${markerName} is not JSON`, cause)
  }
  if (marker?.store !== 'tidings-embedded' || typeof marker.format !== 'number') {
    throw corrupt(path, `${markerName} does not describe a store of the embedded engine`)
  }
  checkFormat(marker.format, `The store in ${path}`)
  return {
    store: marker.store,
    format: marker.format,
    complete: marker.complete === true,
    ...(marker.restoring && { restoring: true }),
  }
}

/** Refuses a format that this version does not read; `what` has it. */
export function checkFormat(format: number, what: string): void {
  if (format === storeFormat || format === storeFormat - 1) return
  throw new TidingsError(
    'store-version',
    `${what} has format ${format}, this version reads formats ${storeFormat - 1} and ${storeFormat}; use the version of Tidings that wrote it or a newer one.`,
    { details: { format } },
  )
}

async function writeMarker(path: string, state: Pick<Marker, 'complete' | 'restoring'>): Promise<void> {
  const marker: Marker = { store: 'tidings-embedded', format: storeFormat, ...state }
  const temporary = join(path, `${markerName}.new`)
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(`${JSON.stringify(marker)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, join(path, markerName))
  await syncFolder(path)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function unfinished(path: string): TidingsError {
  return new TidingsError(
    'store-corrupt',
    `Restoring a backup into ${path} was cut short, so there is no store yet; restore it again.`,
    { details: { path } },
  )
}

function corrupt(path: string, reason: string, cause?: unknown): TidingsError {
  return new TidingsError(
    'store-corrupt',
    `The folder ${path} is not a whole store: ${reason}. Restore it from a backup, or choose another path.`,
    {
      details: { path },
      cause,
    },
  )
}
