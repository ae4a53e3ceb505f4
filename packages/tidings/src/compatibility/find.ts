import { any, type Answer } from './answer.ts'
import { accepts, advance, initial, type Automaton } from './pattern/automaton.ts'
import { findPattern } from './pattern/match.ts'
import type { Pattern } from './schema/node.ts'

const mostLooks = 300_000
const mostRemembered = 1_000
const remembered = new WeakMap<Pattern, Map<string, Answer>>()

/** Whether a pattern is found in a text; `undefined` where that would take too long to tell. */
export function findIn(pattern: Pattern, text: string): Answer {
  const known = remembered.get(pattern) ?? new Map<string, Answer>()
  remembered.set(pattern, known)
  if (known.has(text)) return known.get(text)
  const { expression, automaton } = pattern
  const quick = automaton && text.length * automaton.states.length < mostLooks
  const found = quick ? run(automaton, text) : expression && findPattern(expression, text)
  if (known.size < mostRemembered) known.set(text, found)
  return found
}

function run(automaton: Automaton, text: string): boolean {
  let states = initial(automaton)
  for (const letter of text) states = advance(automaton, states, letter.codePointAt(0)!)
  return accepts(automaton, states, text === '')
}

/** Whether `properties` or `patternProperties` beside it speak of a name. */
export function isCovered(
  { names, patterns }: { readonly names: ReadonlySet<string>; readonly patterns: readonly Pattern[] },
  name: string,
): Answer {
  return names.has(name) || any(patterns, (pattern) => findIn(pattern, name))
}
