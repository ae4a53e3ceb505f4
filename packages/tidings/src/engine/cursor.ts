import { TidingsError } from '../errors.ts'

/** Where a listing of newest events goes on: in which life of the topic, since which head, and after which place. */
export interface LatestCursor {
  readonly incarnation: string
  readonly from: number
  /** Which engine wrote it: another one, to which the topic was moved, cannot tell the place. Lower-case letters. */
  readonly engine: string
  /** The engine's own word for the place; any string. */
  readonly after: string
}

export function formatCursor({ incarnation, from, engine, after }: LatestCursor): string {
  return `${incarnation}.${from}.${engine}.${after}`
}

/** Refuses what is no cursor, and as `position-unknown` one of another life of the topic, or of another engine. */
export function parseCursor(
  cursor: string,
  { incarnation, engine }: Pick<LatestCursor, 'incarnation' | 'engine'>,
): LatestCursor {
  const match = /^([a-z0-9]{1,32})\.(\d{1,16})\.(?:([a-z]+)\.)?(.*)$/s.exec(cursor)
  const from = Number(match?.[2])
  if (!match || !Number.isSafeInteger(from)) {
    throw new TidingsError(
      'bad-request',
      `"${cursor}" is not a cursor; use the one that the page before gave, or none to begin.`,
    )
  }
  if (match[1] !== incarnation || match[3] !== engine) {
    throw new TidingsError(
      'position-unknown',
      `The cursor belongs to another life of this topic (now ${incarnation}), or the topic was moved since; begin the listing again.`,
      { details: { cursor, incarnation } },
    )
  }
  return { incarnation, from, engine, after: match[4]! }
}
