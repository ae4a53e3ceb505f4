import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureServes } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Environment } from '../../environment/index.ts'
import { lockFolder, makeFolder, syncFolder } from '../../folder/index.ts'
import { inspectFile } from './inspection.ts'
import { corrupt, markerName, readMarker, storeFormat, writeMarker, type Marker } from './marker.ts'

/** The folder of a store, locked for this engine. */
export interface Folder {
  readonly dataFile: string
  /** Notes that the store was made and opened. */
  complete(): Promise<void>
  /** Lets others have it. */
  release(): Promise<void>
}

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
    if (marker) ensureServes(marker, `The store in ${path}`)
    if (marker?.restoring) throw unfinished(path)
    if (marker?.complete) inspectFile(dataFile)
    else await prepare(path, dataFile, marker)
    // Before anything is written that a version of before could not read.
    if (marker?.complete && marker.format < storeFormat) await writeMarker(path, { ...marker, complete: true })
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
    if (marker) ensureServes(marker, `The store in ${path}`)
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
    throw unmarked(path)
  }
  await rm(dataFile, { force: true })
  await rm(`${dataFile}-lock`, { force: true })
  await writeMarker(path, { complete: false })
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

/** A folder whose store is carried to another one, or from one, whatever its marker says but damage. */
export interface HeldFolder {
  readonly dataFile: string
  readonly marker: Marker | undefined
  write(marker: Omit<Marker, 'format'>): Promise<void>
  release(): Promise<void>
}

/** Locks a folder for somebody who moves its store; makes it where there is none. */
export async function holdFolder(path: string, environment: Environment): Promise<HeldFolder> {
  await makeFolder(path)
  const unlock = await lockFolder(path, environment, { what: 'store', user: 'engine' })
  const dataFile = join(path, 'data.mdb')
  try {
    const marker = await readMarker(path)
    if (!marker && (await exists(dataFile))) throw unmarked(path)
    if (marker?.restoring && !marker.arrival && !marker.departure) throw unfinished(path)
    if (marker?.complete || marker?.departure) inspectFile(dataFile)
    return { dataFile, marker, write: (next) => writeMarker(path, next), release: unlock }
  } catch (error) {
    await unlock()
    throw error
  }
}

function unmarked(path: string): TidingsError {
  return corrupt(path, `it holds a data.mdb without the file ${markerName} that says what it is`)
}
