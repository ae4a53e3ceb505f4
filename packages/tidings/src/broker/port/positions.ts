import type { Position } from '../../event/index.ts'

/** Events of one subscription by their positions, each named once. */
export interface PositionsRequest {
  readonly subscription: string
  readonly positions: readonly Position[]
}

/** What became of one position: what was asked for, or a refusal whose message says what can be done instead. */
export type PositionAnswer<Done extends string = string, Code extends string = string> =
  | { readonly position: Position; readonly status: Done }
  | PositionRefusal<Code>

export interface PositionRefusal<Code extends string = string> {
  readonly position: Position
  readonly status: 'refused'
  readonly code: Code
  readonly message: string
}
