import type { JsonSchema } from '../contract/index.ts'
import type { Random } from '../environment/index.ts'
import { Budget } from './budget.ts'
import { chosenBy } from './choice.ts'
import { withinStack } from './compare.ts'
import { goodTexts, isStandardFormat } from './formats.ts'
import type { Node } from './schema/node.ts'
import { readSchemas } from './schema/read.ts'
import { met } from './search/demand.ts'
import type { Outcome } from './search/goal.ts'
import { Solver } from './search/solver.ts'

const mostSteps = 50_000

export interface SampleOptions {
  /** `boundary` prefers the smallest and the largest that the schema allows. */
  readonly kind?: 'varied' | 'boundary'
}

/** A document that the schema accepts; or that there is none, or that none was found. */
export type Sample =
  | { readonly status: 'made'; readonly value: unknown }
  | { readonly status: 'unsatisfiable' }
  | { readonly status: 'undecided'; readonly reason: string }

/**
 * Makes a document that a schema of draft 2020-12 accepts; one state of `random` makes one document. Texts have the
 * formats that JSON Schema names whether or not a validator asks for them; other formats are taken as a remark.
 */
export function sampleOf(schema: JsonSchema, random: Random, { kind = 'varied' }: SampleOptions = {}): Sample {
  const outcome = find(schema, random, kind)
  if (outcome.status === 'found') return { status: 'made', value: outcome.value }
  return outcome.status === 'none' ? { status: 'unsatisfiable' } : { status: 'undecided', reason: outcome.doubt.reason }
}

function find(schema: JsonSchema, random: Random, kind: 'varied' | 'boundary'): Outcome {
  return withinStack(() => {
    const budget = new Budget(mostSteps)
    const [root] = readSchemas([schema], budget) as [Node]
    const solver = new Solver({
      choice: chosenBy(random, kind === 'boundary'),
      evaluation: { budget, format: hasFormat },
      asserts: isStandardFormat,
      accept: (_, sure) => sure,
    })
    return solver.solve({ literals: [met(root)] })
  })
}

/** Only of texts that were written down as good it is known. */
function hasFormat(format: string, value: string | number): boolean | undefined {
  if (typeof value === 'number' || !isStandardFormat(format)) return true
  return goodTexts(format).includes(value) || undefined
}
