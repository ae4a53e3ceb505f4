import { open, readdir, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { TidingsError } from '../errors.ts'
import { syncFolder } from '../folder/index.ts'
import { decodeEntry, hasEntryBehind, type Entry } from './frames.ts'

/** One file of a spool. */
export interface Segment {
  readonly number: number
  readonly handle: FileHandle
  readonly path: string
  /** Of whole, synced entries. */
  bytes: number
  /** How many of its batches are waiting. */
  waiting: number
}

/** Calls `onEntry` for each entry of the files of a folder, oldest first, and answers the files, open. */
export async function openSegments(
  folder: string,
  onEntry: (entry: Entry, segment: Segment, at: number, length: number) => void,
): Promise<Segment[]> {
  const numbers = (await readdir(folder))
    .flatMap((name) => /^(\d{1,15})\.spool$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((left, right) => left - right)
  const segments: Segment[] = []
  try {
    for (const number of numbers) {
      const segment = await openSegment(folder, number, 'r+')
      segments.push(segment)
      await scan(segment, number === numbers.at(-1), onEntry)
    }
  } catch (error) {
    await Promise.all(segments.map(({ handle }) => handle.close()))
    throw error
  }
  return segments
}

export async function createSegment(folder: string, number: number): Promise<Segment> {
  const segment = await openSegment(folder, number, 'wx+')
  await syncFolder(folder)
  return segment
}

/** A file of which nothing is needed any more. */
export async function removeSegment({ handle, path }: Segment): Promise<void> {
  await handle.close()
  await rm(path)
}

/** Writes an entry behind the others, durably when it resolves. */
export async function appendTo(segment: Segment, entry: Buffer): Promise<void> {
  for (let written = 0; written < entry.length;) {
    const { bytesWritten } = await segment.handle.write(entry, written, entry.length - written, segment.bytes + written)
    written += bytesWritten
  }
  await segment.handle.datasync()
  segment.bytes += entry.length
}

/** Cuts a file after its whole entries. */
export async function cut({ handle, bytes }: Segment): Promise<void> {
  await handle.truncate(bytes)
  await handle.datasync()
}

async function openSegment(folder: string, number: number, flags: string): Promise<Segment> {
  const path = join(folder, `${String(number).padStart(12, '0')}.spool`)
  return { number, path, handle: await open(path, flags), bytes: 0, waiting: 0 }
}

async function scan(
  segment: Segment,
  isLast: boolean,
  onEntry: (entry: Entry, segment: Segment, at: number, length: number) => void,
): Promise<void> {
  const bytes = await segment.handle.readFile()
  while (segment.bytes < bytes.length) {
    const at = segment.bytes
    const found = decodeEntry(bytes, at)
    if (!found) {
      if (isLast && !hasEntryBehind(bytes, at)) return cut(segment)
      throw new TidingsError(
        'store-corrupt',
        `The spool's file ${segment.path} is damaged at byte ${at}: what was kept there cannot be read. Restore the file, or move it away to go on without what it holds.`,
        { details: { path: segment.path, at } },
      )
    }
    segment.bytes += found.length
    onEntry(found.entry, segment, at, found.length)
  }
}
