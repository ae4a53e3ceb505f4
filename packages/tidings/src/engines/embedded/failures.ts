import { statfsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { TidingsError } from '../../errors.ts'

const mapFull = -30_792

/** As LMDB says it, and as Node does. */
const fullCodes: readonly unknown[] = [mapFull, constants.errno.ENOSPC, constants.errno.EDQUOT, 'ENOSPC', 'EDQUOT']

/** Free space below which a write that ended early ended for want of it. */
const littleBytes = 1_048_576

/** What a failed write of `bytes` to a file means: `store-full`, which passes, or `store-failed`, which does not. */
export function storeError(cause: unknown, { file, bytes }: { file: string; bytes: number }): TidingsError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  // LMDB reports a write that ended early, as the last one before a full disk does, as an input/output error. To go on
  // after it is safe: nothing that it wrote is referred to, and what is written next is written and waited for anew.
  const endedEarly = code === constants.errno.EIO && freeBytes(file) < Math.max(littleBytes, 2 * bytes)
  if (fullCodes.includes(code) || endedEarly) {
    return new TidingsError(
      'store-full',
      `There is no room to write to ${file} (${reason}); nothing was stored. Free some space and try again.`,
      {
        details: { file, freeBytes: freeBytes(file) },
        cause,
      },
    )
  }
  return new TidingsError(
    'store-failed',
    `Writing to ${file} failed: ${reason}. Nothing was acknowledged since; look at the disk, then start the process again.`,
    { details: { file }, cause },
  )
}

/**
 * Why a store takes nothing at present: what it refused the last time, or that the disk is full. A refusal for want of
 * room is over when there is more room than then, though nobody has written since.
 */
export function refusingOf(file: string, refusal: TidingsError | undefined): string | undefined {
  const free = freeBytes(file)
  const then = refusal?.details['freeBytes']
  const isOver = typeof then === 'number' && free > then + littleBytes
  if (refusal && !isOver) return refusal.message
  return free < littleBytes ? `There is no room for ${file}: ${free} bytes are free. Free some space.` : undefined
}

/** What kept a store from being opened. */
export function openError(cause: unknown, path: string): TidingsError {
  if (cause instanceof TidingsError) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  if (fullCodes.includes(code)) {
    const advice = `There is no room for the store in ${path} (${message}). Free some space, then start again.`
    return new TidingsError('store-full', advice, { details: { path }, cause })
  }
  return new TidingsError(
    'store-failed',
    `The store in ${path} cannot be opened: ${message}. Look at the folder, its permissions and the disk, then start again.`,
    { details: { path }, cause },
  )
}

/** What is left for us on the disk of a file. */
export function freeBytes(file: string): number {
  const { bavail, bsize } = statfsSync(dirname(file))
  return bavail * bsize
}
