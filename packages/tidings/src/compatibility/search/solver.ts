import { all, type Answer } from '../answer.ts'
import type { Choice } from '../choice.ts'
import { evaluate, type Evaluation } from '../evaluate.ts'
import { canonical } from '../equality.ts'
import { constraint } from '../schema/constraint.ts'
import type { Constraint, Node } from '../schema/node.ts'
import { Branch } from './branch.ts'
import { demand, type Alternative } from './demand.ts'
import { none, Tally, type Found, type Goal, type Literal, type Outcome, type Search } from './goal.ts'
import { waysToBreak } from './refusal.ts'
import { valueOfBranch } from './value.ts'
import { writes } from './writer.ts'

const deepest = 60
/** How often a varied document may hold itself; a smallest one never does. */
const mostWithin = 2

export interface SolverOptions {
  readonly choice: Choice
  readonly evaluation: Evaluation
  readonly asserts: (format: string) => boolean | undefined
  readonly kept?: ReadonlySet<Constraint>
  /** Asked of each document that was found; one that is refused is not the last. */
  readonly accept: (value: unknown, sure: boolean) => boolean
}

/**
 * Looks for a value that meets some schemas and breaks others, by taking apart what they say until every alternative is
 * decided. A goal that comes up within itself is taken as having no value there: the smallest value of it, if there is
 * one, does not hold another. So when every alternative fails there is none, for recursive schemas as well.
 */
export class Solver implements Search {
  readonly choice: Choice
  readonly evaluation: Evaluation
  readonly asserts: (format: string) => boolean | undefined
  readonly kept: ReadonlySet<Constraint>
  readonly #accept: (value: unknown, sure: boolean) => boolean
  readonly #known = new Map<string, Outcome>()
  /** The goals that are being looked at, the outermost first, each with how often. */
  readonly #path = new Map<string, { readonly depth: number; times: number }>()
  readonly #listed = new Map<string, Node>()
  #depth = 0

  constructor({ choice, evaluation, asserts, kept, accept }: SolverOptions) {
    this.choice = choice
    this.evaluation = evaluation
    this.asserts = asserts
    this.kept = kept ?? new Set()
    this.#accept = accept
  }

  get budget(): Evaluation['budget'] {
    return this.evaluation.budget
  }

  get depth(): number {
    return this.#depth
  }

  listed(values: readonly unknown[]): Node {
    const text = values.map(canonical).sort().join()
    const known = this.#listed.get(text)
    if (known) return known
    const kind = -1 - this.#listed.size
    const listing = { ...constraint({ keyword: 'enum', values }, ''), kind }
    const node: Node = { id: kind, pointer: '', constraints: [listing], kind }
    this.#listed.set(text, node)
    return node
  }

  solve(goal: Goal): Outcome {
    this.budget.spend()
    const key = keyOf(goal)
    const known = this.#known.get(key)
    if (known && !(this.choice.varied && known.status === 'found')) return known
    const entered = this.#path.get(key)
    if (entered && entered.times > (this.choice.varied ? mostWithin : 0))
      return { status: 'none', under: entered.depth }
    if (this.#depth >= deepest) return unknown('', `values are nested more than ${deepest} deep`)
    const place = entered ?? { depth: this.#depth, times: 0 }
    place.times++
    this.#path.set(key, place)
    this.#depth++
    const outcome = this.#outermost(place.depth, this.#decide(goal))
    this.#depth--
    if (--place.times === 0) this.#path.delete(key)
    if (outcome.status === 'found' || (outcome.status === 'none' && outcome.under === Infinity))
      this.#known.set(key, outcome)
    return outcome
  }

  /** What was assumed of the goal itself has come true when there is no value for it. */
  #outermost(depth: number, outcome: Outcome): Outcome {
    return outcome.status === 'none' && outcome.under >= depth ? none : outcome
  }

  #decide(goal: Goal): Outcome {
    return this.#expand(goal, {
      branch: new Branch(),
      waiting: [...goal.literals],
      seen: new Map(),
      kept: new Set(),
      choices: [],
    })
  }

  /** Takes apart what is demanded until only choices are left, and then tries one after the other. */
  #expand(goal: Goal, state: State): Outcome {
    const { branch, waiting, seen, choices } = state
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      this.budget.spend()
      const before = seen.get(next.node.kind)
      if (before === next.met) continue
      if (before !== undefined) return none
      seen.set(next.node.kind, next.met)
      if (next.met) {
        for (const constraint of next.node.constraints) {
          state.kept.add(constraint.kind)
          const { literals, choices: more } = demand(constraint, branch, this)
          waiting.push(...literals)
          choices.push(...more)
        }
      } else choices.push(next.node.constraints.flatMap((each) => this.#waysToBreak(each)))
      if (branch.types.size === 0) return none
    }
    const alternatives = choices.reduce((sum, each) => sum + each.length, 0)
    this.budget.spend(alternatives / 5)
    const left = choices.map((each) => open(each, state)).filter((each) => each !== undefined)
    if (left.length === 0) return this.#atLeaf(goal, branch)
    const fewest = left.reduce((best, each) => (each.length < best.length ? each : best))
    const others = left.filter((each) => each !== fewest)
    const tally = new Tally()
    const copied = branch.parts + seen.size + state.kept.size + others.length
    for (const alternative of this.choice.order(fewest)) {
      this.budget.spend(copied / 20)
      const next = branch.copy()
      alternative.narrow?.(next)
      if (next.types.size === 0) continue
      const outcome = this.#expand(goal, {
        branch: next,
        waiting: [...alternative.literals],
        seen: new Map(seen),
        kept: new Set(state.kept),
        choices: [...others],
      })
      const found = tally.add(outcome)
      if (found) return found
    }
    return tally.result()
  }

  #waysToBreak(each: Constraint): readonly Alternative[] {
    return waysToBreak(each, this).map((alternative) => ({ ...alternative, breaks: each.kind }))
  }

  #atLeaf(goal: Goal, branch: Branch): Outcome {
    this.budget.spend()
    if (goal.name) {
      branch.only('string')
      branch.patterns.push(...goal.name)
    }
    const tally = new Tally()
    const found = valueOfBranch(goal, branch, this, tally, (value, listed) =>
      this.#check(goal, branch, { value, listed: listed === 'listed' }, tally),
    )
    return found ?? tally.result()
  }

  /** A value that was made is looked at again as a whole, and the outermost one by whoever asked. */
  #check(
    goal: Goal,
    branch: Branch,
    { value, listed }: { readonly value: unknown; readonly listed: boolean },
    tally: Tally,
  ): Found | undefined {
    const answer = all(
      [this.#meets(goal, value), goal.writer ? writes(goal.writer, value, this.budget) : true],
      (each) => each,
    )
    // That one of some values does not fit says nothing; that one does not which was made to fit leaves a doubt.
    if (answer === false && listed) return undefined
    const sure = answer === true
    if (answer !== false && (this.#depth > 1 || this.#accept(value, sure))) return { status: 'found', value, sure }
    const otherwise =
      answer === false ? 'neither a document nor a proof was found' : 'the validator sees a document otherwise'
    const { pointer, reason } = branch.doubt ?? { pointer: '', reason: otherwise }
    tally.doubt(pointer, reason)
    return undefined
  }

  #meets(goal: Goal, value: unknown): Answer {
    const literals = all(goal.literals, ({ node, met }) => {
      const answer = evaluate(node, value, this.evaluation)
      return answer === undefined ? undefined : answer === met
    })
    if (literals === false || !goal.name) return literals
    const name = all(goal.name, ({ pattern, found }) => {
      const answer = typeof value === 'string' ? pattern.isIn(value) : false
      return answer === undefined ? undefined : answer === found
    })
    return all([literals, name], (answer) => answer)
  }
}

interface State {
  readonly branch: Branch
  readonly waiting: Literal[]
  /** By kind of node, whether it is met or broken. */
  readonly seen: Map<number, boolean>
  /** The kinds of the constraints that are met. */
  readonly kept: Set<number>
  readonly choices: (readonly Alternative[])[]
}

/** The alternatives that nothing decided so far contradicts; `undefined` where one of them holds already. */
function open(alternatives: readonly Alternative[], { seen, kept }: State): readonly Alternative[] | undefined {
  const left: Alternative[] = []
  for (const alternative of alternatives) {
    const known = alternative.literals.map(({ node, met }) => {
      const before = seen.get(node.kind)
      return before === undefined ? undefined : before === met
    })
    if (known.includes(false) || (alternative.breaks !== undefined && kept.has(alternative.breaks))) continue
    if (!alternative.narrow && known.every((each) => each === true)) return undefined
    left.push(alternative)
  }
  return left
}

function unknown(pointer: string, reason: string): Outcome {
  return { status: 'unknown', doubt: { pointer, reason } }
}

function keyOf({ literals, name, writer }: Goal): string {
  const wanted = [...new Set(literals.map(({ node, met }) => `${met ? '' : '!'}${node.kind}`))].sort()
  const patterns = (name ?? [])
    .map(({ pattern, found }) => `${found ? '' : '!'}${JSON.stringify(pattern.source)}`)
    .sort()
  const ids = writer ? [...new Set(writer.map(({ kind }) => kind))].sort() : ['all']
  return `${wanted.join(',')} ${name ? patterns.join(',') : '-'} ${ids.join(',')}`
}
