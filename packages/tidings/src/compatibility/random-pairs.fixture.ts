import type { JsonSchema } from '../contract/index.ts'
import { mulberry32 } from '../testing/index.ts'
import { Budget } from './budget.ts'
import { checkCompatibility, sampleOf, type CompatibilityPolicy } from './index.ts'
import { RandomSchemas } from './random-schemas.fixture.ts'
import { readSchemas } from './schema/read.ts'
import { writes } from './search/writer.ts'
import { strictFormats, total, validator } from './validator.fixture.ts'

type Check = (value: unknown) => boolean | undefined

/** What a pair of schemas came to. */
export type Pair = Record<'compatible' | 'incompatible' | 'undecided' | 'documents' | 'samples', number>

/**
 * Makes two schemas of one seed and asks whether the second reads what the first writes; then looks for documents that
 * contradict the verdict, among samples of both and what they become when something in them is changed. Throws where
 * one does, or where a witness or a sample is none.
 */
export function playPair(seed: number): Pair {
  const random = new RandomSchemas(mulberry32(seed))
  const writer = random.document()
  const reader = random.below(3) === 0 ? random.document() : random.changedDocument(writer)
  const policy = random.one<CompatibilityPolicy>(['lenient', 'strict'])
  const chosen = random.below(2) === 0 ? validator : strictFormats
  if (!isTaken(writer) || !isTaken(reader))
    return { compatible: 0, incompatible: 0, undecided: 0, documents: 0, samples: 0 }
  const accepts = total(chosen(writer))
  const reads = total(chosen(reader))
  const mayWrite = policy === 'strict' ? () => true : namedBy(writer)
  const { verdict, findings } = checkCompatibility({
    before: [writer],
    after: reader,
    mode: 'backward',
    policy,
    validator: chosen,
  })
  const fail = (what: string, document: unknown): never => {
    throw new Error(`${what}: ${JSON.stringify({ policy, writer, reader, verdict, document })}`)
  }
  for (const finding of findings) {
    if (!('witness' in finding)) continue
    if (accepts(finding.witness) !== true || reads(finding.witness) !== false)
      fail('the witness is none', finding.witness)
    if (mayWrite(finding.witness) === false) fail('its writer does not name what the witness holds', finding.witness)
  }
  if (verdict === 'incompatible' && !findings.some((finding) => 'witness' in finding)) fail('there is no witness', null)
  const samples = [
    ...samplesOf(writer, random, total(strictFormats(writer))),
    ...samplesOf(reader, random, total(strictFormats(reader))),
  ]
  const documents = [...samples, ...samples.map((sample) => altered(sample, random)), random.value(), random.value(3)]
  for (const document of documents) {
    if (verdict === 'compatible' && accepts(document) && reads(document) === false && mayWrite(document)) {
      fail('a document contradicts the verdict', document)
    }
  }
  return {
    compatible: 0,
    incompatible: 0,
    undecided: 0,
    [verdict]: 1,
    documents: documents.length,
    samples: samples.length,
  }
}

/** A definition that is nothing but a reference to itself is more than a compiler can take. */
function isTaken(schema: JsonSchema): boolean {
  try {
    return Boolean(validator(schema) && strictFormats(schema))
  } catch {
    return false
  }
}

function namedBy(writer: JsonSchema): Check {
  try {
    const nodes = readSchemas([writer], new Budget(1e9))
    return (document) => writes(nodes, document, new Budget(1e9)) !== false
  } catch {
    return () => true
  }
}

function samplesOf(schema: JsonSchema, random: RandomSchemas, accepts: Check): readonly unknown[] {
  const chance = mulberry32(random.below(1e9))
  const made = (['varied', 'varied', 'varied', 'boundary'] as const).map((kind) =>
    sampleOf(schema, { next: chance }, { kind }),
  )
  const values = made.flatMap((sample) => (sample.status === 'made' ? [sample.value] : []))
  for (const value of values) {
    if (accepts(value) === false) throw new Error(`a sample is refused: ${JSON.stringify({ schema, value })}`)
  }
  const unsatisfiable = made.some(({ status }) => status === 'unsatisfiable')
  const others = [...values, ...Array.from({ length: 20 }, () => random.value(3))]
  const accepted = unsatisfiable ? others.find(accepts) : undefined
  if (accepted !== undefined) throw new Error(`it has documents: ${JSON.stringify({ schema, accepted })}`)
  return values
}

function altered(value: unknown, random: RandomSchemas): unknown {
  if (Array.isArray(value) && value.length > 0 && random.below(4) > 0) {
    const position = random.below(value.length)
    return random.below(2) === 0 ? value.toSpliced(position, 1) : value.with(position, altered(value[position], random))
  }
  if (typeof value !== 'object' || value === null || random.below(4) === 0) return random.value()
  const members = Object.entries(value)
  if (members.length === 0 || random.below(3) === 0)
    return { ...value, [random.one(['a', 'b', 'zz', 'ab'])]: random.value(1) }
  const [name, member] = random.one(members)
  if (random.below(2) === 0) return Object.fromEntries(members.filter(([other]) => other !== name))
  return { ...value, [name]: altered(member, random) }
}
