import { pointerTo, type Assertion, type Constraint, type Node } from './node.ts'
import { shapeOf } from './shape.ts'

/** A node while it is read. */
export type OpenNode = { -readonly [Name in keyof Node]: Node[Name] } & { constraints: Constraint[] }

/** The constraint that an assertion of the schema at this place is. */
export function constraint(assertion: Assertion, pointer: string, keyword: string = assertion.keyword): Constraint {
  const own = keyword === 'never' || keyword === 'unknown' ? pointer : pointerTo(pointer, keyword)
  return { ...assertion, ...shapeOf(assertion), pointer: own, kind: -1 }
}
