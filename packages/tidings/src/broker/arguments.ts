import { TidingsError } from '../errors.ts'

/** An optional whole number within bounds; anything else is a `bad-request` that names the argument and the bounds. */
export function wholeNumber(
  value: unknown,
  { name, least, most, otherwise }: { name: string; least: number; most: number; otherwise: number },
): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw new TidingsError(
    'bad-request',
    `"${name}" must be a whole number from ${least} to ${most}; it was ${typeof value === 'number' ? value : JSON.stringify(value)}.`,
  )
}

/** Refuses a text that occurs twice. */
export function refuseTwice(values: readonly string[], what: string): void {
  const seen = new Set<string>()
  for (const value of values) {
    if (seen.has(value))
      throw new TidingsError('bad-request', `The ${what} ${value} stands twice in one call; send each once.`)
    seen.add(value)
  }
}

/** What a request may ask for, and what it gets where it asks for nothing. */
export const limits = {
  limit: { name: 'limit', least: 1, most: 1_000, otherwise: 100 },
  max: { name: 'max', least: 1, most: 1_000, otherwise: 1 },
  waitMs: { name: 'waitMs', least: 0, most: 60_000, otherwise: 0 },
  scan: { name: 'scan', least: 0, most: 100_000, otherwise: 10_000 },
  edit: { name: 'edit', least: 0, most: 1_000_000, otherwise: 0 },
  leaseMs: { name: 'leaseMs', least: 1_000, most: 43_200_000, otherwise: 30_000 },
} as const

export function checkEffects(effects: string): void {
  if (['skip', 'run', 'missing'].includes(effects)) return
  throw new TidingsError('bad-request', `"effects" must be skip, run or missing; it was ${effects}.`)
}

export function checkHolder(holder: string): void {
  if (/^[A-Za-z0-9_-]{1,100}$/.test(holder)) return
  throw new TidingsError(
    'bad-request',
    `"${holder}" does not name a holder: use 1 to 100 letters, digits, "-" and "_".`,
  )
}

export function checkPerSecond(perSecond: number | undefined): void {
  if (perSecond === undefined || (perSecond > 0 && perSecond <= 1_000_000)) return
  throw new TidingsError('bad-request', `"perSecond" must be a number above 0, up to 1,000,000; it was ${perSecond}.`)
}
