import { constants } from 'node:os'
import { TidingsError } from '../../errors.ts'

const mapFull = -30_792

const fullCodes: readonly unknown[] = [mapFull, constants.errno.ENOSPC, constants.errno.EDQUOT]

/** What a failed write means: `store-full`, which passes, or `store-failed`, which does not. */
export function storeError(cause: unknown): TidingsError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (fullCodes.includes(code)) {
    return new TidingsError(
      'store-full',
      `There is no room to write (${reason}); nothing was stored. Free some space and try again.`,
      {
        cause,
      },
    )
  }
  return new TidingsError(
    'store-failed',
    `Writing to the store failed: ${reason}. Nothing was acknowledged since; look at the disk, then start the process again.`,
    { cause },
  )
}
