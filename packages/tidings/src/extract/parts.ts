import type { Environment } from '../environment/index.ts'
import type { Guarded } from './guard.ts'
import type { ExtractionState, ExtractionStore } from './store.ts'
import type { Sides } from './side.ts'
import type { TablePair } from './tables.ts'
import type { Role } from './states.ts'

/** Something that a person should know while an extraction goes on. */
export interface ExtractionNotice {
  readonly level: 'info' | 'warning'
  readonly message: string
}

/** What every step of an extraction works with. */
export interface Parts {
  readonly sides: Sides
  readonly store: ExtractionStore
  readonly environment: Environment
  readonly notice: (level: ExtractionNotice['level'], message: string) => void
}

/** The tables of one side, with what their writers are told. */
export function guarded({ sides }: Pick<Parts, 'sides'>, role: Role, { tables }: ExtractionState): Guarded {
  const elsewhere = sides[role === 'old' ? 'new' : 'old'].called
  return { side: sides[role], tables: tables.map((table) => table[role]), elsewhere }
}

export function tablesOf(pairs: readonly TablePair[], role: Role): readonly TablePair['old'][] {
  return pairs.map((pair) => pair[role])
}
