import type { Budget } from '../budget.ts'
import type { Choice } from '../choice.ts'
import { alphabetOf, pickLetter, type Letters } from './alphabet.ts'
import { accepts, advance, initial, type Automaton } from './automaton.ts'

/** What a text must be like. */
export interface TextConditions {
  /** In code points. */
  readonly min: number
  readonly max: number
  readonly automata: readonly { readonly automaton: Automaton; readonly accepted: boolean }[]
  /** What can only be asked of one text at a time; it may not know. */
  readonly checks: readonly ((text: string) => boolean | undefined)[]
  /** Texts that may pass the checks. */
  readonly hints: readonly string[]
}

/** A text that meets the conditions; that there is none; or that none was found. */
export type FoundText = { readonly text: string } | 'none' | 'unknown'

/** The machines at one place of a text, and how they came there. */
interface Place {
  readonly states: readonly (readonly number[])[]
  readonly from: { readonly place: Place; readonly letters: Letters }[]
}

const longest = 2_000
const mostCandidates = 60
/** How many code points beyond the shortest a varied text may have. */
const spare = 6

/** Finds a text, the shortest unless the choice is varied. */
export function findText(conditions: TextConditions, choice: Choice, budget: Budget): FoundText {
  if (conditions.min > conditions.max) return 'none'
  const hint = choice
    .order(conditions.hints)
    .find((text) => fits(conditions, text) && conditions.checks.every((check) => check(text) === true))
  if (hint !== undefined) return { text: hint }
  const alphabet = alphabetOf(
    conditions.automata.map(({ automaton }) => automaton),
    budget,
  )
  if (!alphabet || conditions.min > longest) return 'unknown'
  return new Search(conditions, alphabet, choice, budget).run()
}

/** Whether a text has the length and passes the machines. */
function fits({ min, max, automata }: TextConditions, text: string): boolean {
  const codePoints = Array.from(text).map((letter) => letter.codePointAt(0)!)
  if (codePoints.length < min || codePoints.length > max) return false
  return automata.every(({ automaton, accepted }) => {
    const states = codePoints.reduce<readonly number[]>(
      (at, codePoint) => advance(automaton, at, codePoint),
      initial(automaton),
    )
    return accepts(automaton, states, codePoints.length === 0) === accepted
  })
}

class Search {
  readonly #conditions: TextConditions
  readonly #alphabet: readonly Letters[]
  readonly #samples: readonly number[]
  readonly #choice: Choice
  readonly #budget: Budget

  constructor(conditions: TextConditions, alphabet: readonly Letters[], choice: Choice, budget: Budget) {
    this.#conditions = conditions
    this.#alphabet = alphabet
    this.#samples = alphabet.map(({ ranges }) => ranges[0]![0])
    this.#choice = choice
    this.#budget = budget
  }

  /** Looks at all texts of one length after the other, as the places to which they bring the machines. */
  run(): FoundText {
    const { min, max, automata } = this.#conditions
    let layer: ReadonlyMap<string, Place> = new Map([
      ['', { states: automata.map(({ automaton }) => initial(automaton)), from: [] }],
    ])
    const seen = new Set<string>()
    const ends: { readonly place: Place; readonly length: number }[] = []
    let first: number | undefined
    let complete = false
    for (let length = 0; length <= max; length++) {
      if (length > longest || layer.size === 0) {
        complete = layer.size === 0
        break
      }
      if (length >= min) {
        for (const place of layer.values()) if (this.#mayEnd(place, length)) ends.push({ place, length })
        if (ends.length > 0) first ??= length
        this.#budget.spend(layer.size / 10)
        const all = [...layer.keys()].sort().join('|')
        // The empty text has a place of its own, because a start can be there only.
        complete = length > 0 && seen.has(all)
        seen.add(all)
      }
      if (complete || (first !== undefined && length >= first + this.#extra()) || ends.length >= mostCandidates) break
      if (length === max) complete = true
      else layer = this.#next(layer)
    }
    const found = this.#try(ends)
    if (found !== undefined) return { text: found }
    return ends.length === 0 && complete ? 'none' : 'unknown'
  }

  #extra(): number {
    return this.#choice.varied || this.#conditions.checks.length > 0 ? spare : 0
  }

  #mayEnd({ states }: Place, length: number): boolean {
    return this.#conditions.automata.every(
      ({ automaton, accepted }, index) => accepts(automaton, states[index]!, length === 0) === accepted,
    )
  }

  #next(layer: ReadonlyMap<string, Place>): ReadonlyMap<string, Place> {
    const next = new Map<string, Place>()
    for (const place of layer.values()) {
      for (const [index, letters] of this.#alphabet.entries()) {
        this.#budget.spend(1 + place.states.reduce((sum, each) => sum + each.length, 0) / 10)
        const states = this.#conditions.automata.map(({ automaton }, machine) =>
          advance(automaton, place.states[machine]!, this.#samples[index]!),
        )
        if (this.#isLost(states)) continue
        const key = states.join('/')
        const known = next.get(key)
        if (!known) next.set(key, { states, from: [{ place, letters }] })
        else if (known.from.length < 20) known.from.push({ place, letters })
      }
    }
    return next
  }

  /** A machine that must accept and is in no state will never. */
  #isLost(states: readonly (readonly number[])[]): boolean {
    return this.#conditions.automata.some(({ accepted }, index) => accepted && states[index]!.length === 0)
  }

  #try(ends: readonly { readonly place: Place; readonly length: number }[]): string | undefined {
    const { checks } = this.#conditions
    for (const { place } of this.#choice.order(ends)) {
      const text = this.#spell(place)
      this.#budget.spend(1 + text.length / 10)
      // Two halves that came to stand beside each other are one code point.
      if (fits(this.#conditions, text) && checks.every((check) => check(text) === true)) return text
    }
    return undefined
  }

  #spell(end: Place): string {
    const letters: string[] = []
    let place = end
    while (place.from.length > 0) {
      const step = place.from[this.#choice.below(place.from.length)]!
      letters.push(String.fromCodePoint(pickLetter(step.letters, this.#choice)))
      place = step.place
    }
    return letters.toReversed().join('')
  }
}
