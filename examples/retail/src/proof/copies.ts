import { compare, type Difference, type Settling, type Side } from 'tidings/verify'
import type { Check } from './proof.ts'

/** A copy and what it copies. */
export interface ComparedCopy {
  readonly name: string
  readonly source: Side
  readonly copy: Side
  readonly settling?: Settling
}

export interface Compared {
  readonly differences: readonly Difference[]
  /** Of the owner, as many as there are and as many as the copy has like it. */
  readonly rows: number
  readonly equal: number
  /** Written all the time, and not judged. */
  readonly changing: number
}

/** Nothing is written when copies are compared, but where it is known what is on its way this is not waited for. */
const patienceMs = 1000
const shown = 5

/** Compares a copy with its system of record by digests, and names every row that differs. */
export async function compareCopy({ source, copy, settling }: ComparedCopy): Promise<Compared> {
  const differences: Difference[] = []
  const onDifference = (difference: Difference): void => void differences.push(difference)
  const found = await compare({ source, copy, patienceMs, onDifference, ...(settling && { settling }) })
  const unlike = differences.filter(({ kind }) => kind !== 'only-in-copy').length + found.changing
  return { differences, rows: found.source, equal: found.source - unlike, changing: found.changing }
}

export async function checkCopy(compared: ComparedCopy): Promise<Check> {
  const { differences, rows, equal, changing } = await compareCopy(compared)
  return {
    name: compared.name,
    found: `${equal.toLocaleString('en-GB')} / ${rows.toLocaleString('en-GB')} rows equal`,
    holds: differences.length + changing === 0,
    differences: differences.slice(0, shown).map(describe),
  }
}

function describe({ key, kind, columns }: Difference): string {
  if (kind === 'missing-in-copy') return `${key}: missing in the copy`
  if (kind === 'only-in-copy') return `${key}: only in the copy`
  const texts = columns.map(
    ({ column, source, copy }) => `${column} ${copy ?? 'absent'} instead of ${source ?? 'absent'}`,
  )
  return `${key}: ${texts.join(', ')}`
}
