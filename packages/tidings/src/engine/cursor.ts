import { TidingsError } from '../errors.ts'

/** Where a listing of newest events goes on: in which life of the topic, since which head, and after which place. */
export interface LatestCursor {
  readonly incarnation: string
  readonly from: number
  /** The engine's own word for the place; any string. */
  readonly after: string
}

export function formatCursor({ incarnation, from, after }: LatestCursor): string {
  return `${incarnation}.${from}.${after}`
}

/** Refuses what is no cursor, and as `position-unknown` one of another life of the topic. */
export function parseCursor(cursor: string, incarnation: string): LatestCursor {
  const match = /^([a-z0-9]{1,32})\.(\d{1,16})\.(.*)$/s.exec(cursor)
  const from = Number(match?.[2])
  if (!match || !Number.isSafeInteger(from)) {
    throw new TidingsError(
      'bad-request',
      `"${cursor}" is not a cursor; use the one that the page before gave, or none to begin.`,
    )
  }
  if (match[1] !== incarnation) {
    throw new TidingsError(
      'position-unknown',
      `The cursor belongs to another life of this topic (now ${incarnation}); begin the listing again.`,
      { details: { cursor, incarnation } },
    )
  }
  return { incarnation, from, after: match[3]! }
}
