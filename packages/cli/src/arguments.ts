import { InvalidArgumentError } from 'commander'
import { UsageError } from './failure.ts'
import { duration } from './text.ts'

/** How values on the command line are read; what is wrong with one is said by commander, which names the option. */

export interface Bounds {
  readonly least: number
  readonly most: number
}

/** For options: `.option('--max <count>', '…', wholeNumber({ least: 1, most: 1000 }))`. */
export function wholeNumber(bounds: Bounds): (text: string) => number {
  return (text) => {
    const value = readWholeNumber(text, bounds)
    if (value === undefined) throw new InvalidArgumentError(`It must be ${wanted(bounds)}.`)
    return value
  }
}

/** For variables and files, which commander does not read. */
export function parseWholeNumber(text: string, { what, ...bounds }: Bounds & { readonly what: string }): number {
  const value = readWholeNumber(text, bounds)
  if (value === undefined) throw new UsageError(`${what} must be ${wanted(bounds)}, not "${text}".`)
  return value
}

export function wholeNumbers(bounds: Bounds): (text: string) => readonly number[] {
  return (text) => text.split(',').map((each) => wholeNumber(bounds)(each.trim()))
}

/** For options that take a number with a fraction. */
export function positiveNumber({ least, most }: Bounds): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most.toLocaleString('en-US')}.`)
  }
}

const spans = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** For options that take a span of time, as `90s`, `12h`, `7d`; in milliseconds. */
export function timeSpan({ least, most }: Bounds): (text: string) => number {
  return (text) => {
    const value = withUnit(text, spans)
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(
      `It must be a span from ${duration(least)} to ${duration(most)}: a whole number and ms, s, m, h or d, as in 90s, 12h or 7d.`,
    )
  }
}

const sizes = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
} as const

/** For options that take a size, as `512MiB` or `10GB`; in bytes. */
export function byteSize(text: string): number {
  const value = withUnit(text, sizes)
  if (value >= 1 && value <= Number.MAX_SAFE_INTEGER) return value
  throw new InvalidArgumentError('It must be a whole number and B, KiB, MiB, GiB, TiB, kB, MB, GB or TB, as in 512MiB.')
}

/** `NaN` for what is no whole number with one of these units. */
function withUnit(text: string, units: Readonly<Record<string, number>>): number {
  const [, number, unit = ''] = /^(\d{1,15}) ?([A-Za-z]+)$/.exec(text) ?? []
  return Number(number) * (units[unit] ?? Number.NaN)
}

/** For options that set a limit, which `none` takes away. */
export function orNone(read: (text: string) => number): (text: string) => number | 'none' {
  return (text) => (text === 'none' ? text : read(text))
}

/** For options that may be given several times. */
export function repeated(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value]
}

export function commaSeparated(text: string): readonly string[] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.includes('')) throw new InvalidArgumentError('Separate the values by single commas.')
  return parts
}

/** A JSON object, whose members the server reads. */
export function jsonObject(text: string): object {
  const value = parsed(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new InvalidArgumentError('It must be a JSON object; quote it for the shell.')
}

/** The same for options that may be given several times. */
export function jsonObjects(text: string, earlier: readonly object[] | undefined): readonly object[] {
  return [...(earlier ?? []), jsonObject(text)]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `name=value`, of which the value may hold more of `=`. */
export function nameAndValue(text: string, option: string): readonly [name: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`${option} must look like name=value, not "${text}".`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function readWholeNumber(text: string, { least, most }: Bounds): number | undefined {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= most ? value : undefined
}

function wanted({ least, most }: Bounds): string {
  return `a whole number from ${least.toLocaleString('en-US')} to ${most.toLocaleString('en-US')}`
}
