import type { NextDue } from './due-times.ts'

/** By expression: its step, and where in the step it is due. */
const rhythms: Readonly<Record<string, readonly [stepMs: number, offsetMs: number]>> = {
  '* * * * * *': [1_000, 0],
  '0 * * * *': [3_600_000, 0],
  '0 5 * * *': [86_400_000, 18_000_000],
  '0 8 * * *': [86_400_000, 28_800_000],
}

/** Knows a few expressions of equal steps; the server's reader knows them all. */
export const simpleDue: NextDue = ({ expression, timeZone, after }) => {
  const rhythm = rhythms[expression]
  if (expression === '0 0 30 2 *') return undefined
  if (!rhythm) throw new Error(`"${expression}" is not a cron expression.`)
  if (timeZone !== 'UTC') throw new Error(`"${timeZone}" is not a time zone.`)
  const [step, offset] = rhythm
  return Math.floor((after - offset) / step) * step + step + offset
}
