import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoreStanding } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { syncFolder } from '../../folder/index.ts'

/** What a folder says of itself. */
export interface Marker extends Partial<StoreStanding> {
  readonly format: number
  /** `false` until the store was opened for the first time: nothing was acknowledged yet. */
  readonly complete: boolean
  /** A backup is being restored, or a store moved, into the folder or out of it: it is no store until that has ended. */
  readonly restoring?: boolean
}

/** How stores of this version are stored; each store says which format it has. The one before is read, and raised. */
export const storeFormat = 2

export const markerName = 'tidings.json'

/** `undefined` where there is none. Leaves everything untouched. */
export async function readMarker(path: string): Promise<Marker | undefined> {
  const text = await readFile(join(path, markerName), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw corrupt(path, `${markerName} cannot be read`, error)
  })
  if (text === undefined) return undefined
  let marker: Partial<Marker & { readonly store: string; readonly id: string }>
  try {
    marker = JSON.parse(text) as typeof marker
  } catch (cause) {
    throw corrupt(path, `${markerName} is not JSON`, cause)
  }
  if (marker?.store !== 'tidings-embedded' || typeof marker.format !== 'number') {
    throw corrupt(path, `${markerName} does not describe a store of the embedded engine`)
  }
  checkFormat(marker.format, `The store in ${path}`)
  const { id, format, complete, restoring, past, arrival, departure } = marker
  return {
    format,
    complete: complete === true,
    ...(restoring && { restoring }),
    ...(id !== undefined && { store: id }),
    ...(past && { past }),
    ...(arrival && { arrival }),
    ...(departure && { departure }),
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

/** Puts another marker in the place of the one before, durably and in one step. */
export async function writeMarker(path: string, { store, ...state }: Omit<Marker, 'format'>): Promise<void> {
  const marker = { store: 'tidings-embedded', format: storeFormat, ...(store !== undefined && { id: store }), ...state }
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

export function corrupt(path: string, reason: string, cause?: unknown): TidingsError {
  return new TidingsError(
    'store-corrupt',
    `The folder ${path} is not a whole store: ${reason}. Restore it from a backup, or choose another path.`,
    {
      details: { path },
      cause,
    },
  )
}
