import { TidingsError } from '../errors.ts'

/** A time span: milliseconds, or a whole number with its unit, as `'90s'`, `'1m'`, `'12h'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

export function milliseconds(duration: Duration, what: string): number {
  const [, count, unit = 'ms'] = /^(\d+)(ms|s|m|h|d)?$/.exec(String(duration)) ?? []
  const span = Number(count) * (units[unit] ?? Number.NaN)
  if (Number.isSafeInteger(span) && span > 0) return span
  throw new TidingsError(
    'bad-request',
    `${what} is ${JSON.stringify(duration)}; give milliseconds above 0, or a text like "30s", "1m" or "12h".`,
  )
}
