import { TidingsError } from '../errors.ts'

/**
 * Finds where the values of a JSON text begin and end (RFC 8259) without building them, so that a payload inside a
 * larger text is taken as it stands: no number is rounded, no duplicate member is dropped.
 */
export interface Slice {
  readonly start: number
  /** The first character after it. */
  readonly end: number
}

const deepest = 64
const mostMembers = 10_000

/** Refused as malformed or as too deep or too large; `offset` counts characters. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError'
}

/** The members of the object at this place, in order, duplicates included; `undefined` when another kind of value is there. */
export function memberSlices(
  text: string,
  within: Slice = whole(text),
): readonly (readonly [name: string, value: Slice])[] | undefined {
  const scanner = new Scanner(text, within)
  const members: (readonly [string, Slice])[] = []
  if (scanner.peek() !== '{') return undefined
  scanner.object((name, value) => members.push([JSON.parse(name) as string, value]))
  scanner.finish()
  return members
}

/** The elements of the array that this text is; `undefined` when it is another kind of value. The limits count for each element. */
export function elementSlices(text: string): readonly Slice[] | undefined {
  const scanner = new Scanner(text, whole(text))
  const elements: Slice[] = []
  if (scanner.peek() !== '[') return undefined
  scanner.array((value) => {
    elements.push(value)
    scanner.members = 0
  })
  scanner.finish()
  return elements
}

/** Refuses what is not one well-formed JSON value within the limits. */
export function checkJson(text: string): void {
  const scanner = new Scanner(text, whole(text))
  scanner.value()
  scanner.finish()
}

/** The text of these bytes when they are well-formed JSON in valid UTF-8 within the limits, and else `undefined`. */
export function jsonText(bytes: Uint8Array): string | undefined {
  try {
    const text = strictDecoder.decode(bytes)
    checkJson(text)
    return text
  } catch (error) {
    if (error instanceof TypeError || error instanceof JsonSyntaxError) return undefined
    throw error
  }
}

/** The value of a JSON text from outside; what is malformed is refused with the given code and a message that says where. */
export function parseJson(
  bytes: Uint8Array,
  code: 'bad-request' | 'event-invalid' | 'protocol-violation',
  what: string,
): unknown {
  const text = decodeUtf8(bytes, code, what)
  return guarded(code, what, () => {
    checkJson(text)
    return JSON.parse(text) as unknown
  })
}

/** Text of bytes that claim to be UTF-8. */
export function decodeUtf8(
  bytes: Uint8Array,
  code: 'bad-request' | 'event-invalid' | 'protocol-violation',
  what: string,
): string {
  try {
    return strictDecoder.decode(bytes)
  } catch (cause) {
    throw new TidingsError(code, `${what} is not valid UTF-8; encode it as UTF-8.`, { cause })
  }
}

/** Runs a scan and turns its complaint into an error for the caller. */
export function guarded<Result>(
  code: 'bad-request' | 'event-invalid' | 'protocol-violation',
  what: string,
  scan: () => Result,
): Result {
  try {
    return scan()
  } catch (cause) {
    if (cause instanceof JsonSyntaxError)
      throw new TidingsError(code, `${what} is not acceptable JSON: ${cause.message}.`, { cause })
    throw cause
  }
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const literals = ['true', 'false', 'null']
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const escapePattern = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

function whole(text: string): Slice {
  return { start: 0, end: text.length }
}

class Scanner {
  readonly #text: string
  readonly #end: number
  #at: number
  #depth = 0
  members = 0

  constructor(text: string, within: Slice) {
    this.#text = text
    this.#at = within.start
    this.#end = within.end
  }

  peek(): string {
    this.#space()
    return this.#at < this.#end ? this.#text[this.#at]! : ''
  }

  finish(): void {
    if (this.peek() !== '') throw this.#unexpected('the end')
  }

  value(): Slice {
    const first = this.peek()
    const start = this.#at
    if (first === '{') this.object()
    else if (first === '[') this.array()
    else if (first === '"') this.#string()
    else this.#scalar()
    return { start, end: this.#at }
  }

  object(visit?: (name: string, value: Slice) => void): void {
    this.#enter()
    if (this.peek() === '}') return this.#leave()
    do {
      if (this.peek() !== '"') throw this.#unexpected('a member name in double quotes')
      const start = this.#at
      this.#string()
      const name = this.#text.slice(start, this.#at)
      if (this.peek() !== ':') throw this.#unexpected('":"')
      this.#at++
      if (++this.members > mostMembers) throw new JsonSyntaxError(`it has more than ${mostMembers} members`)
      const value = this.value()
      visit?.(name, value)
    } while (this.#more('}'))
    this.#leave()
  }

  array(visit?: (value: Slice) => void): void {
    this.#enter()
    if (this.peek() === ']') return this.#leave()
    do {
      const value = this.value()
      visit?.(value)
    } while (this.#more(']'))
    this.#leave()
  }

  #more(closing: string): boolean {
    const next = this.peek()
    if (next === closing) return false
    if (next !== ',') throw this.#unexpected(`"," or "${closing}"`)
    this.#at++
    return true
  }

  #enter(): void {
    if (++this.#depth > deepest) throw new JsonSyntaxError(`it is nested deeper than ${deepest} levels`)
    this.#at++
  }

  #leave(): void {
    this.#depth--
    this.#at++
  }

  /** A loop and not one pattern: a pattern for texts of any length backtracks or overflows on those without an end. */
  #string(): void {
    for (this.#at++; this.#at < this.#end;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x22) return void this.#at++
      if (code < 0x20) throw this.#unexpected('an escape instead of a control character')
      if (code !== 0x5c) this.#at++
      else if (!this.#match(escapePattern)) throw this.#unexpected('an escape that JSON knows')
    }
    throw this.#unexpected('the closing quote of a text')
  }

  #scalar(): void {
    const literal = literals.find((each) => this.#text.startsWith(each, this.#at))
    if (literal) this.#at += literal.length
    else if (!this.#match(numberPattern)) throw this.#unexpected('a value')
    if (this.#at > this.#end) throw this.#unexpected('a value')
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) return false
    this.#at = pattern.lastIndex
    return true
  }

  #space(): void {
    for (; this.#at < this.#end; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
    }
  }

  #unexpected(wanted: string): JsonSyntaxError {
    const found = this.#at < this.#end ? JSON.stringify(this.#text[this.#at]) : 'the end'
    return new JsonSyntaxError(`${wanted} was expected at character ${this.#at}, ${found} is there`)
  }
}
