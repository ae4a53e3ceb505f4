import { elementSlices, memberSlices, type Slice } from '../event/json-slices.ts'

/** Like `JSON.parse`, with bigints for the integers that it would round. */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  return mayHoldRounded(text) && holdsRounded(value) ? exact(text, value) : value
}

/** Only a run of 16 digits can be an integer that is rounded; looking for one is cheap, walking every value is not. */
export function mayHoldRounded(text: string): boolean {
  return /\d{16}/.test(text)
}

/** The JSON of a value that may hold bigints: what `parseExactJson` was given, apart from the space between its tokens. */
export function formatExactJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(formatExactJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${formatExactJson(member)}`)
  return `{${members.join(',')}}`
}

/** Whether a value holds an integer that JavaScript cannot tell from its neighbours. */
function holdsRounded(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsRounded)
}

function exact(text: string, value: unknown): unknown {
  const inside = ({ start, end }: Slice): unknown => parseExactJson(text.slice(start, end))
  if (Array.isArray(value)) return elementSlices(text)!.map(inside)
  if (typeof value !== 'number') {
    return Object.fromEntries(memberSlices(text)!.map(([name, slice]) => [name, inside(slice)]))
  }
  // A double such as 1e300 is an integer that nobody wrote as one.
  return /^\s*-?\d+\s*$/.test(text) ? BigInt(text) : value
}
