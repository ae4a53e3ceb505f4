import type { Branch } from './branch.ts'
import { broken, met } from './demand.ts'
import type { Check, Found, Goal, Literal, Outcome, Search, Tally } from './goal.ts'
import { writerOfItem, writerReach } from './writer.ts'

/** What is demanded of each item. */
type Items = readonly (readonly Literal[])[]

const longest = 64
const mostLengths = 16
const deepestExtras = 6

/**
 * Finds a list. Behind the positions that somebody speaks of all are alike, so that a list longer than those, with one
 * more for each item that must be somewhere, can lose what is left without harm: longer ones need not be looked at.
 */
export function findList(goal: Goal, branch: Branch, search: Search, tally: Tally, check: Check): Found | undefined {
  return new Finder(goal, branch, search, tally, check).find()
}

class Finder {
  readonly #goal: Goal
  readonly #branch: Branch
  readonly #search: Search
  readonly #tally: Tally
  readonly #check: Check

  constructor(goal: Goal, branch: Branch, search: Search, tally: Tally, check: Check) {
    this.#goal = goal
    this.#branch = branch
    this.#search = search
    this.#tally = tally
    this.#check = check
  }

  find(): Found | undefined {
    const { unique, doubled } = this.#branch
    if (unique && doubled) return undefined
    for (const length of this.#lengths()) {
      for (const items of this.#placeItems(this.#demanded(length), 0)) {
        for (const counted of this.#placeCounts(items, 0)) {
          for (const [final, same] of this.#placeDouble(counted)) {
            this.#search.budget.spend(1 + length)
            const values = this.#valuesOf(final, same)
            const found = values && this.#check(values)
            if (found) return found
          }
        }
      }
    }
    return undefined
  }

  #lengths(): readonly number[] {
    const { items, listRules, someItems, counts, doubled } = this.#branch
    const spoken = [
      0,
      ...listRules.map((rule) => (rule.keyword === 'items' ? finite(rule.from) : rule.prefix.length)),
      ...someItems.map(({ from, exact }) => from + (exact ? 1 : 0)),
      this.#goal.writer ? writerReach(this.#goal.writer, this.#search.budget) : 0,
    ]
    const needed = someItems.length + counts.reduce((sum, { min }) => sum + min, 0) + (doubled ? 2 : 0)
    const { choice, depth } = this.#search
    const extra = choice.varied && depth <= deepestExtras ? 3 : 0
    const last = Math.min(items.max, Math.max(items.min, Math.max(...spoken) + needed) + extra)
    const all = Array.from(
      { length: Math.max(0, Math.min(last - items.min + 1, mostLengths)) },
      (_, index) => items.min + index,
    )
    if (items.min + all.length <= last || last > longest)
      this.#tally.doubt('', `lists of ${last} items are not made here`)
    return choice.order(all.filter((length) => length <= longest))
  }

  #demanded(length: number): Items {
    return Array.from({ length }, (_, position) =>
      this.#branch.listRules.flatMap((rule): readonly Literal[] => {
        if (rule.keyword === 'items') return position >= rule.from ? [met(rule.item)] : []
        return rule.prefix.slice(position, position + 1).map(met)
      }),
    )
  }

  *#placeItems(items: Items, index: number): Iterable<Items> {
    const wanted = this.#branch.someItems[index]
    if (!wanted) return yield items
    const last = wanted.exact ? wanted.from : items.length - 1
    for (const position of this.#different(items, wanted.from, last, index + 1)) {
      yield* this.#placeItems(withMore(items, position, wanted.literals), index + 1)
    }
  }

  /** Positions of which no two are treated alike, also by those items that are still to be placed. */
  *#different(items: Items, first: number, last: number, placed: number): Iterable<number> {
    const seen = new Set<string>()
    const left = this.#branch.someItems.slice(placed)
    for (let position = first; position <= Math.min(last, items.length - 1); position++) {
      this.#search.budget.spend()
      const eligible = left.map(({ from, exact }) => (exact ? position === from : position >= from))
      const said = `${this.#keyAt(items, position)} ${eligible.join()}`
      if (seen.has(said)) continue
      seen.add(said)
      yield position
    }
  }

  /** The same for positions that are treated alike. */
  #keyAt(items: Items, position: number): string {
    const { writer } = this.#goal
    const writing = writer?.length ? writerOfItem(writer, position, this.#search.budget).map(({ kind }) => kind) : []
    return `${keyOf(items[position]!)} ${writing.sort().join()}`
  }

  /** Decides which items are those that are counted. */
  *#placeCounts(items: Items, index: number): Iterable<Items> {
    const count = this.#branch.counts[index]
    if (!count) return yield items
    const { node, min, max } = count
    if (max === Infinity) {
      for (const placed of this.#some(items, met(node), min, 0)) yield* this.#placeCounts(placed, index + 1)
      return
    }
    for (let number = Math.min(max, items.length); number >= min; number--) {
      for (const placed of this.#exactly(items, { node, met: true }, number, 0)) {
        yield* this.#placeCounts(placed, index + 1)
      }
    }
  }

  *#some(items: Items, literal: Literal, left: number, from: number): Iterable<Items> {
    if (left === 0) return yield items
    for (const position of this.#different(items, from, items.length - left, this.#branch.someItems.length)) {
      yield* this.#some(withMore(items, position, [literal]), literal, left - 1, position + 1)
    }
  }

  *#exactly(items: Items, literal: Literal, left: number, position: number): Iterable<Items> {
    this.#search.budget.spend()
    if (left > items.length - position) return
    if (position === items.length) return yield items
    if (left > 0) yield* this.#exactly(withMore(items, position, [literal]), literal, left - 1, position + 1)
    yield* this.#exactly(withMore(items, position, [broken(literal.node)]), literal, left, position + 1)
  }

  /** Decides which two items are equal, where two must be. */
  *#placeDouble(items: Items): Iterable<readonly [Items, readonly [number, number] | undefined]> {
    if (!this.#branch.doubled) return yield [items, undefined]
    for (let first = 0; first < items.length; first++) {
      for (let second = first + 1; second < items.length; second++) {
        this.#search.budget.spend()
        yield [withMore(items, first, items[second]!), [first, second]]
      }
    }
  }

  #valuesOf(items: Items, same: readonly [number, number] | undefined): readonly unknown[] | undefined {
    const values: unknown[] = []
    for (const [position, literals] of items.entries()) {
      if (same?.[1] === position) {
        values.push(values[same[0]])
        continue
      }
      const outcome = this.#valueAt(position, literals, this.#branch.unique ? values : [])
      const found = this.#tally.add(outcome)
      if (!found) {
        if (outcome.status === 'none') this.#doubtDifferent(items, position)
        return undefined
      }
      values.push(found.value)
    }
    return values
  }

  #valueAt(position: number, literals: readonly Literal[], others: readonly unknown[]): Outcome {
    const { writer } = this.#goal
    const different = others.length > 0 ? [broken(this.#search.listed(others))] : []
    return this.#search.solve({
      literals: [...literals, ...different],
      ...(writer ? { writer: writerOfItem(writer, position, this.#search.budget) } : {}),
    })
  }

  /** That nothing is left for one item is no proof where something else could have been chosen for those before it. */
  #doubtDifferent(items: Items, position: number): void {
    if (!this.#branch.unique || position === 0) return
    const alone = this.#valueAt(position, items[position]!, [])
    this.#tally.add(alone)
    if (alone.status === 'none') return
    const key = this.#keyAt(items, position)
    if (items.some((_, index) => this.#keyAt(items, index) !== key))
      this.#tally.doubt('', 'not enough different items were found')
  }
}

function withMore(items: Items, position: number, literals: readonly Literal[]): Items {
  return items.with(position, [...items[position]!, ...literals])
}

function keyOf(literals: readonly Literal[]): string {
  return [...new Set(literals.map(({ node, met }) => `${met ? '' : '!'}${node.kind}`))].sort().join()
}

function finite(from: number): number {
  return Number.isFinite(from) ? from : 0
}
