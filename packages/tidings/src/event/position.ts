import { TidingsError } from '../errors.ts'

/**
 * An event's place in its topic, as clients see it: `<incarnation>.<number>`. The incarnation names one life of
 * one stored topic; a position of another life says nothing about this one.
 */
export type Position = string

export function formatPosition(incarnation: string, offset: number): Position {
  return `${incarnation}.${offset}`
}

/** The number of a position of this incarnation; refuses what is malformed and, as `position-unknown`, what belongs to another life. */
export function parsePosition(position: string, incarnation: string): number {
  const match = /^([a-z0-9]{1,32})\.(\d{1,16})$/.exec(position)
  const offset = Number(match?.[2])
  if (!match || !Number.isSafeInteger(offset)) {
    throw new TidingsError(
      'bad-request',
      `"${position}" is not a position; use one that the broker gave, or "beginning" or "end".`,
    )
  }
  if (match[1] !== incarnation) {
    throw new TidingsError(
      'position-unknown',
      `Position ${position} belongs to another life of this topic (now ${incarnation}); load the full state again and go on from there.`,
      { details: { position, incarnation } },
    )
  }
  return offset
}

/** Orders two positions of one incarnation: negative when `left` comes first. */
export function comparePositions(left: Position, right: Position): number {
  const [leftLife, leftOffset] = left.split('.')
  const [rightLife, rightOffset] = right.split('.')
  if (leftLife !== rightLife) {
    throw new TidingsError(
      'position-unknown',
      `Positions ${left} and ${right} belong to different lives of a topic and have no order.`,
    )
  }
  return Number(leftOffset) - Number(rightOffset)
}
