import { all, type Answer } from '../answer.ts'
import { evaluate } from '../evaluate.ts'
import { isCovered } from '../covered.ts'
import type { Branch, SomeProperty } from './branch.ts'
import { met } from './demand.ts'
import type { Check, Found, Goal, Literal, Outcome, Search, Tally } from './goal.ts'
import { FreshNames, type FreshClass } from './names.ts'
import { isNamed, namedBy, writerOfProperty, type Named } from './writer.ts'

/** The properties that a document is to have, each with what its value must be like. */
type Chosen = ReadonlyMap<string, readonly Literal[]>

const mostFilled = 200
/** Deeper in a varied document only what must be there is. */
const deepestExtras = 6

/** Finds an object: places each property that must be somewhere, makes the values, and fills up to the size. */
export function findObject(goal: Goal, branch: Branch, search: Search, tally: Tally, check: Check): Found | undefined {
  return contradicts(branch) ? undefined : new Finder(goal, branch, search, tally, check).find()
}

/** Whether a property must break what it must meet, as with each that two large schemas have in common. */
function contradicts({ someProperties, propertyRules }: Branch): boolean {
  return someProperties.some(({ region: { name }, literals }) =>
    propertyRules.some((rule) => {
      const demanded = rule.keyword === 'properties' && name !== undefined ? rule.properties.get(name) : undefined
      return literals.some(({ node, met: wanted }) => !wanted && node.kind === demanded?.kind)
    }),
  )
}

class Finder {
  readonly #goal: Goal
  readonly #branch: Branch
  readonly #search: Search
  readonly #tally: Tally
  readonly #check: Check
  readonly #named: Named | undefined
  readonly #known: ReadonlySet<string>
  readonly #fresh: FreshNames
  /** Of the names that were made up, what is demanded of their values. */
  readonly #madeUp = new Map<string, FreshClass>()

  constructor(goal: Goal, branch: Branch, search: Search, tally: Tally, check: Check) {
    this.#goal = goal
    this.#branch = branch
    this.#search = search
    this.#tally = tally
    this.#check = check
    this.#named = goal.writer && namedBy(goal.writer, search.budget)
    this.#known = knownNames(branch, this.#named)
    search.budget.spend(this.#known.size / 20)
    this.#fresh = new FreshNames({ branch, named: this.#named, known: this.#known, search, tally })
  }

  find(): Found | undefined {
    const { present, absent, size } = this.#branch
    if (size.min > size.max || present.size > size.max || [...present].some((name) => absent.has(name)))
      return undefined
    return this.#place(0, new Map([...present].map((name) => [name, []])))
  }

  /** Gives each property that must be somewhere a name, which may be that of another one. */
  #place(index: number, chosen: Chosen): Found | undefined {
    const wanted = this.#branch.someProperties[index]
    if (!wanted) return this.#fill(chosen)
    for (const name of this.#search.choice.order(this.#namesFor(wanted, chosen))) {
      this.#search.budget.spend()
      const next = new Map(chosen)
      next.set(name, [...(chosen.get(name) ?? []), ...wanted.literals])
      const found = this.#place(index + 1, next)
      if (found) return found
    }
    return undefined
  }

  #namesFor({ region }: SomeProperty, chosen: Chosen): readonly string[] {
    if (region.name !== undefined) return this.#branch.absent.has(region.name) ? [] : [region.name]
    const among = [...new Set([...this.#known, ...chosen.keys()])].filter((name) => !this.#branch.absent.has(name))
    const inside = among.filter((name) => this.#sure(this.#isInside(region, name)))
    return [...inside, ...this.#fresh.namesIn(region, this.#madeUp)]
  }

  #isInside({ pattern, outside, breaks }: SomeProperty['region'], name: string): Answer {
    if (pattern) return pattern.isIn(name)
    if (outside) return opposite(isCovered(outside, name))
    return breaks ? opposite(evaluate(breaks, name, this.#search.evaluation)) : true
  }

  /** What is not known is not done, but leaves a doubt. */
  #sure(answer: Answer): boolean {
    if (answer === undefined) this.#tally.doubt('', 'whether a name matches a pattern is not known')
    return answer === true
  }

  #mayHave(name: string): boolean {
    if (this.#branch.absent.has(name)) return false
    const named = this.#named ? isNamed(this.#named, name) : true
    const allowed = all(this.#branch.nameRules, (rule) => evaluate(rule, name, this.#search.evaluation))
    return this.#sure(all([named, allowed], (answer) => answer))
  }

  #valueFor(name: string, more: readonly Literal[]): Outcome {
    const { writer } = this.#goal
    const literals = [...this.#literalsFor(name), ...more]
    return this.#search.solve({
      literals,
      ...(writer ? { writer: writerOfProperty(writer, name, this.#search.budget) } : {}),
    })
  }

  #literalsFor(name: string): readonly Literal[] {
    const madeUp = this.#madeUp.get(name)
    if (madeUp) return madeUp.literals
    return this.#branch.propertyRules.flatMap((rule): readonly Literal[] => {
      switch (rule.keyword) {
        case 'properties': {
          const node = rule.properties.get(name)
          return node ? [met(node)] : []
        }
        case 'patternProperties':
          return rule.patterns.filter(({ pattern }) => this.#sure(pattern.isIn(name))).map(({ node }) => met(node))
        default:
          return this.#sure(opposite(isCovered(rule, name))) ? [met(rule.rest)] : []
      }
    })
  }

  /** Makes the values of what was chosen, and as many properties more as the size asks for. */
  #fill(chosen: Chosen): Found | undefined {
    const { size } = this.#branch
    if (chosen.size > size.max) return undefined
    const made: Record<string, unknown> = {}
    for (const [name, literals] of chosen) {
      if (!this.#mayHave(name)) return undefined
      const value = this.#tally.add(this.#valueFor(name, literals))
      if (!value) return undefined
      set(made, name, value.value)
    }
    if (!this.#reach(made)) return undefined
    if (this.#search.choice.varied) {
      const found = this.#check(this.#withExtras(made))
      if (found) return found
    }
    return this.#check(made)
  }

  #reach(made: Record<string, unknown>): boolean {
    const { min } = this.#branch.size
    let left = min - Object.keys(made).length
    if (left > mostFilled) {
      this.#tally.doubt('', `an object of ${min} properties is not made here`)
      return false
    }
    for (const name of this.#known) {
      if (left <= 0 || Object.hasOwn(made, name) || !this.#mayHave(name)) continue
      const value = this.#tally.add(this.#valueFor(name, []))
      if (!value) continue
      set(made, name, value.value)
      left--
    }
    for (const fresh of left > 0 ? this.#fresh.classes() : []) {
      const value = this.#tally.add(this.#valueOfFresh(fresh))
      for (; value && left > 0; left--) {
        const name = this.#fresh.nameIn(fresh, Object.keys(made))
        if (name === undefined) break
        set(made, name, value.value)
      }
    }
    return left <= 0
  }

  #valueOfFresh({ literals, example }: FreshClass): Outcome {
    const { writer } = this.#goal
    return this.#search.solve({
      literals,
      ...(writer ? { writer: writerOfProperty(writer, example, this.#search.budget) } : {}),
    })
  }

  /** Optional properties, as somebody would fill them in. What comes of trying them proves nothing. */
  #withExtras(made: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const { choice, depth } = this.#search
    const rich = { ...made }
    if (depth > deepestExtras) return rich
    for (const name of choice.order([...this.#known])) {
      if (Object.keys(rich).length >= this.#branch.size.max) break
      if (Object.hasOwn(rich, name) || choice.below(4) === 0 || !this.#mayHave(name)) continue
      const value = this.#valueFor(name, [])
      if (value.status === 'found') set(rich, name, value.value)
    }
    for (const fresh of choice.order(this.#fresh.classes()).slice(0, choice.below(3))) {
      if (Object.keys(rich).length >= this.#branch.size.max || fresh.literals.length === 0) break
      const value = this.#valueOfFresh(fresh)
      const name = value.status === 'found' ? this.#fresh.nameIn(fresh, Object.keys(rich)) : undefined
      if (value.status === 'found' && name !== undefined) set(rich, name, value.value)
    }
    return rich
  }
}

function opposite(answer: Answer): Answer {
  return answer === undefined ? undefined : !answer
}

/** Also for a property called `__proto__`. */
function set(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true })
}

/** Every name that somebody speaks of. */
function knownNames(branch: Branch, named: Named | undefined): ReadonlySet<string> {
  const names = new Set([...branch.present, ...branch.absent, ...(named?.names ?? [])])
  for (const rule of branch.propertyRules) {
    if (rule.keyword === 'properties') for (const name of rule.properties.keys()) names.add(name)
    if ('names' in rule) for (const name of rule.names) names.add(name)
  }
  for (const { region } of branch.someProperties) {
    if (region.name !== undefined) names.add(region.name)
    for (const name of region.outside?.names ?? []) names.add(name)
  }
  return names
}
