import { open, readFile, rename, rm, stat } from 'node:fs/promises'
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
}

const format = 1

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
    if (marker?.complete) inspectFile(dataFile)
    else await prepare(path, dataFile, marker)
    return {
      dataFile,
      complete: async () => {
        if (!marker?.complete) await writeMarker(path, true)
      },
      release: unlock,
    }
  } catch (error) {
    await unlock()
    throw error
  }
}

async function prepare(path: string, dataFile: string, marker: Marker | undefined): Promise<void> {
  if (!marker && (await exists(dataFile))) {
    throw corrupt(path, `it holds a data.mdb without the file ${markerName} that says what it is`)
  }
  await rm(dataFile, { force: true })
  await rm(`${dataFile}-lock`, { force: true })
  await writeMarker(path, false)
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
  if (marker.format !== format) {
    throw new TidingsError(
      'store-version',
      `The store in ${path} has format ${marker.format}, this version reads format ${format}; use the version of Tidings that wrote it or a newer one.`,
      { details: { path, format: marker.format } },
    )
  }
  return { store: marker.store, format, complete: marker.complete === true }
}

async function writeMarker(path: string, complete: boolean): Promise<void> {
  const marker: Marker = { store: 'tidings-embedded', format, complete }
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
