import type { Budget } from '../budget.ts'
import type { Choice } from '../choice.ts'
import type { Automaton } from './automaton.ts'
import { lastCodePoint, type Range } from './syntax.ts'

/** Code points that no machine tells from each other. */
export interface Letters {
  readonly ranges: readonly Range[]
}

/** What a reader of a document likes to see, and what fits most patterns. */
const liked: readonly number[] = Array.from('aA0x1b2Z_-. @/:').map((letter) => letter.codePointAt(0)!)
const mostCuts = 2_000
const [firstSurrogate, lastSurrogate] = [0xd800, 0xdfff]

/** The letters that the machines tell from each other; `undefined` where there are too many. */
export function alphabetOf(automata: readonly Automaton[], budget: Budget): readonly Letters[] | undefined {
  const sets = new Map<string, readonly Range[]>()
  for (const { states } of automata) {
    budget.spend(states.length / 10)
    for (const { ranges } of states.flatMap(({ steps }) => steps)) sets.set(ranges.join(';'), ranges)
  }
  const cuts = new Set([0, 32, 127, firstSurrogate, lastSurrogate + 1])
  for (const ranges of sets.values()) for (const [first, last] of ranges) cuts.add(first).add(last + 1)
  if (cuts.size > mostCuts) return undefined
  budget.spend((cuts.size * sets.size) / 100)
  const sorted = [...cuts].filter((cut) => cut <= lastCodePoint).sort((left, right) => left - right)
  const classes = new Map<string, Range[]>()
  for (const [index, first] of sorted.entries()) {
    const last = (sorted[index + 1] ?? lastCodePoint + 1) - 1
    const told = [...sets.values()].map((ranges) => (contains(ranges, first) ? '1' : '0')).join('')
    classes.set(told, [...(classes.get(told) ?? []), [first, last]])
  }
  return [...classes.values()].map((ranges) => ({ ranges }))
}

/** One code point of them; a printable one where there is any. */
export function pickLetter({ ranges }: Letters, choice: Choice): number {
  const nice = liked.filter((codePoint) => contains(ranges, codePoint))
  const printable = ranges.filter(([first, last]) => first >= 33 && last <= 126)
  if (!choice.varied) return nice[0] ?? (printable[0] ?? visible(ranges))[0]
  const [first, last] = (printable.length > 0 ? choice.order(printable) : [visible(ranges)])[0]!
  return choice.below(4) === 0 && nice.length > 0
    ? nice[choice.below(nice.length)]!
    : first + choice.below(Math.min(last - first + 1, 200))
}

/** JSON can carry half of a surrogate pair, but hardly anybody expects it. */
function visible(ranges: readonly Range[]): Range {
  const whole = ranges.find(
    ([first]) => first >= 32 && first !== 127 && (first < firstSurrogate || first > lastSurrogate),
  )
  return whole ?? ranges[0]!
}

function contains(ranges: readonly Range[], codePoint: number): boolean {
  return ranges.some(([first, last]) => codePoint >= first && codePoint <= last)
}
