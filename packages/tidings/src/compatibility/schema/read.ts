import { BudgetSpent, type Budget } from '../budget.ts'
import { canonical } from '../equality.ts'
import { Pattern } from '../pattern/pattern.ts'
import { alike } from './alike.ts'
import { isSchema, readKeywords, type Reading } from './keywords.ts'
import { constraint, type OpenNode } from './constraint.ts'
import { isPlainObject, pointerTo, type Assertion, type Node } from './node.ts'
import { References, type Place } from './references.ts'
import { settleUnevaluated } from './unevaluated.ts'

const mostParts = 100_000
const deepest = 120
const longestChain = 200

/** Reads schemas of draft 2020-12 so that equal parts of them have the same kind. Throws `BudgetSpent` for one too large. */
export function readSchemas(documents: readonly unknown[], budget: Budget): readonly Node[] {
  const nodes: OpenNode[] = []
  const numbers = new Map<string, number>()
  const roots = documents.map((document) => {
    measure(document)
    const said = canonical(document)
    const number = numbers.get(said) ?? numbers.size
    numbers.set(said, number)
    // Written and read again, so that each part has one place, also where the same object was put in several.
    return new Reader({ document: JSON.parse(JSON.stringify(document)), number }, nodes, budget).root()
  })
  for (const node of nodes) settleUnevaluated(node, budget)
  for (const node of nodes) forbidCircles(node)
  alike(nodes, budget)
  return roots
}

/** Without recursion, because what it looks for is nesting that recursion would not survive. */
function measure(document: unknown): void {
  const waiting = [{ value: document, depth: 0 }]
  let parts = 0
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (++parts > mostParts) throw new BudgetSpent(`the schema has more than ${mostParts} parts`)
    if (next.depth > 2 * deepest) throw new BudgetSpent(`the schema is nested more than ${2 * deepest} deep`)
    if (typeof next.value !== 'object' || next.value === null) continue
    for (const value of Object.values(next.value)) waiting.push({ value, depth: next.depth + 1 })
  }
}

class Reader {
  readonly #document: unknown
  /** The same for documents that say the same. */
  readonly #number: number
  readonly #references: References
  readonly #nodes: OpenNode[]
  readonly #budget: Budget
  readonly #known = new Map<object, OpenNode>()
  readonly #waiting: { readonly node: OpenNode; readonly raw: Readonly<Record<string, unknown>> }[] = []

  constructor(
    { document, number }: { readonly document: unknown; readonly number: number },
    nodes: OpenNode[],
    budget: Budget,
  ) {
    this.#document = document
    this.#number = number
    this.#references = new References(document)
    this.#nodes = nodes
    this.#budget = budget
  }

  root(): Node {
    const root = this.#node({ raw: this.#document, pointer: '' })
    for (let next = this.#waiting.pop(); next; next = this.#waiting.pop()) this.#fill(next.node, next.raw)
    return root
  }

  #node(place: Place): OpenNode {
    const { raw, pointer } = this.#behindReferences(place)
    const known = isPlainObject(raw) ? this.#known.get(raw) : undefined
    if (known) return known
    const node: OpenNode = { id: this.#nodes.length, pointer, constraints: [], kind: 0 }
    this.#nodes.push(node)
    if (isPlainObject(raw)) {
      this.#known.set(raw, node)
      this.#waiting.push({ node, raw })
    } else if (raw === false) node.constraints.push(constraint({ keyword: 'never' }, pointer))
    else if (raw !== true) node.constraints.push(constraint(this.#unknown(pointer, 'this is no schema', raw), pointer))
    return node
  }

  /** A schema that is nothing but a reference is what it refers to. */
  #behindReferences(place: Place): Place {
    const passed = new Set<unknown>()
    let at = place
    while (isPlainObject(at.raw) && !passed.has(at.raw) && isBareReference(at.raw)) {
      passed.add(at.raw)
      const next = this.#references.follow(at.raw, at.raw['$ref'])
      if (!next) break
      at = next
    }
    return at
  }

  #fill(node: OpenNode, raw: Readonly<Record<string, unknown>>): void {
    const { pointer } = node
    const reading: Reading = {
      inside: (each, ...steps) => this.#node({ raw: each, pointer: steps.reduce(pointerTo, pointer) }),
      pattern: (source) => new Pattern(source, this.#budget),
      unknown: (reason, said) => this.#unknown(pointer, reason, said),
    }
    const assertions = [...this.#readReferences(raw, reading), ...readKeywords(raw, reading)]
    for (const assertion of assertions) node.constraints.push(constraint(assertion, pointer))
    for (const of of ['properties', 'items'] as const) {
      const keyword = of === 'properties' ? 'unevaluatedProperties' : 'unevaluatedItems'
      if (!isSchema(raw[keyword])) continue
      const rest = reading.inside(raw[keyword], keyword)
      node.constraints.push(constraint({ keyword: 'unevaluated', of, rest, owner: node }, pointer, keyword))
    }
  }

  #readReferences(raw: Readonly<Record<string, unknown>>, { unknown }: Reading): readonly Assertion[] {
    return (['$ref', '$dynamicRef'] as const).flatMap((keyword): Assertion[] => {
      const reference = raw[keyword]
      if (typeof reference !== 'string') return []
      const place =
        keyword === '$ref' ? this.#references.follow(raw, reference) : this.#references.followDynamic(raw, reference)
      return [
        place
          ? { keyword: '$ref', target: this.#node(place) }
          : unknown(`${keyword} ${reference} is not followed`, { [keyword]: reference }),
      ]
    })
  }

  /** What refers to something means the same only at the same place of the same document. */
  #unknown(pointer: string, reason: string, what: unknown): Assertion {
    const said = canonical(what)
    const refers = /"\$(ref|dynamicRef|recursiveRef)"/.test(said)
    return { keyword: 'unknown', reason, said: refers ? `${said} at ${pointer} in ${this.#number}` : said }
  }
}

const annotations = new Set(['$ref', 'title', 'description', 'default', 'examples', 'deprecated', '$comment', '$defs'])

function isBareReference(raw: Readonly<Record<string, unknown>>): raw is { readonly $ref: string } {
  return typeof raw['$ref'] === 'string' && Object.keys(raw).every((keyword) => annotations.has(keyword))
}

/** A schema that applies itself to the same value again says nothing, and a validator does not come to an end. */
function forbidCircles(node: Node, around: readonly Node[] = [], done = finished): void {
  if (done.has(node)) return
  if (around.includes(node))
    throw new BudgetSpent(`the schema at ${node.pointer || '/'} applies itself to the same value`)
  if (around.length > longestChain) throw new BudgetSpent(`more than ${longestChain} schemas refer to each other`)
  for (const { keyword, nodes } of node.constraints) {
    if (inPlace.has(keyword)) for (const inside of nodes) forbidCircles(inside, [...around, node], done)
  }
  done.add(node)
}

const finished = new WeakSet<Node>()
const inPlace = new Set(['allOf', 'anyOf', 'oneOf', '$ref', 'not', 'if', 'dependentSchemas'])
