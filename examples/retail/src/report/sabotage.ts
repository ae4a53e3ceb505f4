import type { Mend } from 'tidings/drift'
import { isRight, type Judged, type Judgement } from '../sabotage/judge.ts'
import type { Repair } from '../sabotage/find.ts'
import { kinds, needPython } from '../sabotage/kinds.ts'
import { count, type Screen } from './screen.ts'

const didWidth = 44
const copyWidth = 11
const mostOthers = 5

export function printSabotage(screen: Screen, { hasPython }: { readonly hasPython: boolean }): void {
  screen.line()
  screen.line(
    `${screen.strong('SABOTAGE')}  ${'what was done'.padEnd(didWidth)}${'differs'.padEnd(copyWidth)}done found  named`,
  )
  if (hasPython) return
  const leftOut = needPython.map((name) => kinds[name].cause).join(', ')
  screen.line(`          left out, because this machine has no Python 3: ${leftOut}`)
}

/** What was done beside what was found, and how it was mended. */
export function printRound(
  screen: Screen,
  facts: { readonly judgement: Judgement; readonly plan: readonly Mend['action'][]; readonly repair: Repair },
): void {
  const { judgement, plan, repair } = facts
  for (const judged of judgement.kinds) screen.line(lineOf(screen, judged))
  for (const { copy, key, cause } of judgement.others.slice(0, mostOthers)) {
    screen.line(screen.bad(`          NOBODY DID THIS: ${copy} differs at customer ${key}, ${cause}`))
  }
  screen.line(`          dry run: ${planText(plan)}`)
  screen.line(`          repair:  ${repairText(screen, repair)}`)
}

function lineOf(screen: Screen, judged: Judged): string {
  const { did, copy, cause } = kinds[judged.kind]
  const { done, found, names } = judged
  const named = isRight(judged) ? names.join(', ') : screen.bad(`${names.join(', ') || 'MISSED'} instead of ${cause}`)
  const counts = `${count(done).padStart(4)}${count(found).padStart(6)}`
  return `          ${did.padEnd(didWidth)}${copy.padEnd(copyWidth)}${counts}  ${named}`
}

const actions: Readonly<Record<Mend['action'], string>> = {
  'publish-again': 'published again',
  release: 'given back to the relay',
  redrive: 'redriven',
  wait: 'left to mend themselves',
  decide: 'left to somebody to decide',
  rebuild: 'left, the copy has to be rebuilt',
  none: 'equal by now',
}

function planText(plan: readonly Mend['action'][]): string {
  const used = [...new Set(plan)]
  return used.map((action) => `${count(plan.filter((each) => each === action).length)} ${actions[action]}`).join(', ')
}

function repairText(screen: Screen, { looks, published, redriven, refused, left }: Repair): string {
  const done =
    published + redriven === 0
      ? 'nothing was left to do'
      : `${count(published)} published again, ${count(redriven)} redriven`
  const wrong = refused > 0 ? screen.bad(`, ${count(refused)} REFUSED`) : ''
  const end = left === 0 ? 'equal' : screen.bad(`${count(left)} STILL DIFFERENT`)
  return `${done}${wrong}; compared ${count(looks)} times, then ${end}`
}
