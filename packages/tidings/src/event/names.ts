import { TidingsError } from '../errors.ts'

const longestName = 200
const longestKeyBytes = 512
const namePattern = /^[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*$/

/**
 * Refuses what is not a name: lower-case tokens of letters, digits, `-` and `_`, separated by dots, ≤ 200 characters.
 * `what` says in the message whose name it is.
 */
export function validateName(name: unknown, what: string): string {
  if (typeof name === 'string' && name.length <= longestName && namePattern.test(name)) return name
  throw new TidingsError(
    'name-invalid',
    `${describe(name)} is not a ${what} name: use lower-case letters, digits, "-" and "_" in tokens separated by dots, at most ${longestName} characters.`,
  )
}

/** Refuses what is not a key: any well-formed Unicode text of 1 to 512 bytes in UTF-8. */
export function validateKey(key: unknown): string {
  if (typeof key !== 'string' || key === '') {
    throw new TidingsError('key-invalid', `${describe(key)} is not a key: a key is a text that is not empty.`)
  }
  if (hasLoneSurrogate(key)) {
    throw new TidingsError(
      'key-invalid',
      'The key holds half of a surrogate pair, which no encoding can carry; send well-formed Unicode.',
    )
  }
  if (hasControlCharacter(key)) {
    throw new TidingsError(
      'key-invalid',
      'The key holds a control character, which CloudEvents does not allow in an attribute; encode it.',
    )
  }
  const bytes = key.length * 3 <= longestKeyBytes ? 0 : new TextEncoder().encode(key).length
  if (bytes > longestKeyBytes) {
    throw new TidingsError(
      'key-invalid',
      `The key has ${bytes} bytes in UTF-8; a key has at most ${longestKeyBytes}. Hash it or shorten it.`,
    )
  }
  return key
}

/** Whether a text cannot be encoded in UTF-8 because half of a surrogate pair stands alone in it. */
export function hasLoneSurrogate(text: string): boolean {
  return (
    /[\uD800-\uDFFF]/.test(text) &&
    /(?:[\uD800-\uDBFF](?![\uDC00-\uDFFF]))|(?:(?<![\uD800-\uDBFF])[\uDC00-\uDFFF])/.test(text)
  )
}

/** Whether a text holds a character that CloudEvents 1.0 excludes from attribute values (its type String): C0, DEL, C1. */
export function hasControlCharacter(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return /[\u0000-\u001F\u007F-\u009F]/.test(text)
}

function describe(value: unknown): string {
  if (typeof value !== 'string') return `A value of type ${value === null ? 'null' : typeof value}`
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}
