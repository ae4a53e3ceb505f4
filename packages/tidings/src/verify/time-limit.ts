import { systemEnvironment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'

/** For how long an owner works on one range where nothing else is said: half a second is what its users may notice. */
export const ownersLimitMs = 500

/** What is asked would take an owner longer than it lets others have of it; smaller ranges may not. */
export function rangeTooLarge(limitMs: number, cause?: unknown): TidingsError {
  return new TidingsError(
    'range-too-large',
    `The digests of this range take longer than ${limitMs} ms. Ask for fewer rows; where those of a few hundred take so long, the keys lack an index that has the order of their bytes, such as "create index on customer (id collate "C")", or limitMs is too little for this database.`,
    { details: { limitMs }, ...(cause !== undefined && { cause }) },
  )
}

export function isRangeTooLarge(error: unknown): boolean {
  return error instanceof TidingsError && error.code === 'range-too-large'
}

/** Throws once time is up, wherever it is called between two steps of a work. */
export function stopwatch(limitMs: number | undefined): () => void {
  const { clock } = systemEnvironment
  const begunAt = clock.monotonic()
  return () => {
    if (limitMs !== undefined && clock.monotonic() - begunAt > limitMs) throw rangeTooLarge(limitMs)
  }
}
