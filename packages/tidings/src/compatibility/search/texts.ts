import { badTexts, goodTexts } from '../formats.ts'
import { not, type Answer } from '../answer.ts'
import { automatonOfTexts, type Automaton } from '../pattern/automaton.ts'
import { findText } from '../pattern/language.ts'
import type { Branch } from './branch.ts'
import type { Check, Found, Search, Tally } from './goal.ts'

type Question = (text: string) => Answer

/** Finds a text of a length, with some patterns and formats and without others. */
export function findTextOf(branch: Branch, search: Search, tally: Tally, check: Check): Found | undefined {
  const { length, patterns, formats } = branch
  if (contradicts(patterns.map(({ pattern, found }) => [pattern.source, found]))) return undefined
  if (contradicts(formats.map(({ format, met }) => [format, met]))) return undefined
  const { automata, questions } = conditionsOf(branch, search)
  const asked = formats.map(({ format }) => format)
  const found = findText(
    {
      min: length.min,
      max: length.max,
      automata,
      checks: questions,
      hints: hintsFor(branch, questions.length > 0),
    },
    search.choice,
    search.budget,
  )
  if (found === 'none') return undefined
  if (found !== 'unknown') return check(found.text)
  const about =
    asked.length > 0 ? `the formats ${asked.join(', ')}` : patterns.map(({ pattern }) => pattern.source).join(', ')
  tally.doubt('', `no text was found for ${about || 'these lengths'}`)
  return undefined
}

/** Whether the same thing is both demanded and forbidden. */
function contradicts(demands: readonly (readonly [string, boolean])[]): boolean {
  const wanted = new Map<string, boolean>()
  return demands.some(([what, yes]) => {
    const before = wanted.get(what)
    wanted.set(what, yes)
    return before !== undefined && before !== yes
  })
}

function conditionsOf(
  { patterns, formats, excluded }: Branch,
  { evaluation, budget }: Search,
): { readonly automata: { automaton: Automaton; accepted: boolean }[]; readonly questions: Question[] } {
  const automata: { automaton: Automaton; accepted: boolean }[] = []
  const questions: Question[] = []
  const known = new Set<string>()
  for (const { pattern, found } of patterns) {
    if (known.has(pattern.source)) continue
    known.add(pattern.source)
    if (pattern.automaton) automata.push({ automaton: pattern.automaton, accepted: found })
    else questions.push((text) => (found ? pattern.isIn(text) : not(pattern.isIn(text))))
  }
  for (const { format, met } of formats) {
    questions.push((text) => (met ? evaluation.format(format, text) : not(evaluation.format(format, text))))
  }
  const texts = excluded.filter((value) => typeof value === 'string')
  const automaton = automatonOfTexts(texts, budget)
  if (automaton && texts.length > 0) automata.push({ automaton, accepted: false })
  else if (!automaton) questions.push((text) => !texts.includes(text))
  return { automata, questions }
}

/** Texts that fit what only a question can tell. */
function hintsFor({ formats }: Branch, asked: boolean): readonly string[] {
  if (!asked) return []
  const wanted = formats.filter(({ met }) => met).flatMap(({ format }) => goodTexts(format))
  const unwanted = formats.filter(({ met }) => !met).flatMap(() => badTexts)
  return [...wanted, ...unwanted, ...(formats.length === 0 ? goodTexts(undefined) : [])]
}
