import type { Cause, Mend, Repaired } from 'tidings/drift'
import { count, visible } from '../text.ts'

/** Why a copy is different at a key, with what was seen at each hop and what mends it. */
export function causeText({ key, kind, text, seen, mend }: Cause): string {
  const lines = [
    `${key}  ${kind}: ${text}`,
    ...seen.map(({ hop, text: what }) => `  ${hop.padEnd(12)}  ${what}`),
    `  ${'mend'.padEnd(12)}  ${mend.text}`,
  ]
  return lines.map(visible).join('\n')
}

const actions: Readonly<Record<Mend['action'], string>> = {
  'publish-again': 'is published again by its owner',
  release: 'is given back to the relay, and published again by its owner',
  redrive: 'is handed back to its subscription',
  wait: 'is left: it mends itself',
  decide: 'is left: somebody has to decide',
  rebuild: 'is left: the copy has to be rebuilt',
  none: 'is left: it is equal by now',
}

/** What a repair does about a key. */
export function planText({ key, kind, mend }: Cause): string {
  return visible(`${key}  ${actions[mend.action]} (${kind})`)
}

export function repairedText(repaired: Repaired): string {
  const { key } = repaired
  switch (repaired.outcome) {
    case 'published': {
      const { sourceepoch, sequence } = repaired.version
      const version = `${sourceepoch === 0 ? '' : `${sourceepoch}.`}${BigInt(sequence)}`
      return visible(`${key}  published again ${repaired.isPresent ? '' : 'as deleted '}in version ${version}`)
    }
    case 'redriven':
      return visible(`${key}  ${repaired.position} is handed back`)
    case 'left':
      return visible(`${key}  left: ${repaired.mend.text}`)
    case 'refused':
      return visible(`${key}  refused: ${repaired.message}`)
  }
}

/** How many keys get what: "2 rows are published again by their owner and 1 dead letter is handed back". */
export function summary(causes: readonly Cause[]): string {
  const published = causes.filter(({ mend }) => mend.action === 'publish-again' || mend.action === 'release').length
  const redriven = causes.filter(({ mend }) => mend.action === 'redrive').length
  const parts = [
    ...(published > 0 ? [`has ${count(published, 'row')} published again by the owner`] : []),
    ...(redriven > 0 ? [`hands dead letters of ${count(redriven, 'row')} back`] : []),
  ]
  return parts.join(' and ')
}
