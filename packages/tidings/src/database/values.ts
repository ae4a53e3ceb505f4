import { TidingsError } from '../errors.ts'

const smallest = -(2n ** 63n)
const largest = 2n ** 63n - 1n

/**
 * Refuses as `bad-request` what no database here gives back as it was given: text with a NUL character or half of a
 * surrogate pair, NaN, integers beyond 64 bits, and whatever is no value of SQL.
 */
export function checkValue(value: unknown, index: number): void {
  if (value === null || typeof value === 'boolean' || value instanceof Uint8Array) return
  if (typeof value === 'string') return checkText(value, index)
  if (typeof value === 'number') {
    if (Number.isNaN(value)) throw refusedValue(index, 'is NaN, which is no number; give null')
    return
  }
  if (typeof value === 'bigint') {
    if (value < smallest || value > largest)
      throw refusedValue(index, `is ${value}, outside of 64 bits; give it as text`)
    return
  }
  throw refusedValue(index, `is ${describe(value)}; give a string, number, bigint, Uint8Array or null`)
}

export function refusedValue(index: number, reason: string): TidingsError {
  return new TidingsError('bad-request', `Value ${index + 1} of the statement ${reason}.`)
}

function checkText(value: string, index: number): void {
  // Most texts have neither, which one look tells.
  if (!/[\0\ud800-\udfff]/.test(value)) return
  if (value.includes('\0'))
    throw refusedValue(index, 'is a text with a NUL character, which the database cannot hold; store it as bytes')
  if (/\p{Surrogate}/u.test(value))
    throw refusedValue(index, 'is a text with half of a surrogate pair, which UTF-8 cannot hold; store it as bytes')
}

function describe(value: unknown): string {
  return value === undefined ? 'undefined' : `of the type ${Object.prototype.toString.call(value).slice(8, -1)}`
}
