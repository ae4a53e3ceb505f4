import { anyButLineEnd, classOf, joined, outside, type Expression, type Range } from './syntax.ts'

/** Deeper nesting is no pattern that somebody wrote, and would overflow the stack of those who walk it. */
const deepest = 50
const longest = 4_000
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 }

/** Reads a pattern; `undefined` where it is none in Unicode mode, or holds what is not read here. */
export function parsePattern(source: string): Expression | undefined {
  if (source.length > longest) return undefined
  try {
    return new Parser(source).whole()
  } catch (error) {
    if (error instanceof NotRead) return undefined
    throw error
  }
}

class NotRead extends Error {}

class Parser {
  readonly #text: readonly string[]
  #at = 0
  #groups = 0
  #depth = 0
  readonly #names = new Map<string, number>()

  constructor(source: string) {
    this.#text = Array.from(source)
  }

  whole(): Expression {
    const expression = this.#choice()
    if (this.#at < this.#text.length) throw new NotRead()
    return expression
  }

  #peek(ahead = 0): string {
    return this.#text[this.#at + ahead] ?? ''
  }

  #take(expected?: string): string {
    const found = this.#text[this.#at]
    if (found === undefined || (expected !== undefined && found !== expected)) throw new NotRead()
    this.#at++
    return found
  }

  #skip(word: string): boolean {
    if (this.#text.slice(this.#at, this.#at + word.length).join('') !== word) return false
    this.#at += word.length
    return true
  }

  #choice(): Expression {
    if (++this.#depth > deepest) throw new NotRead()
    const options = [this.#sequence()]
    while (this.#skip('|')) options.push(this.#sequence())
    this.#depth--
    return options.length === 1 ? options[0]! : { kind: 'choice', options }
  }

  #sequence(): Expression {
    const parts: Expression[] = []
    while (this.#peek() !== '' && this.#peek() !== '|' && this.#peek() !== ')') parts.push(this.#term())
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  #term(): Expression {
    const part = this.#atom()
    const counts = this.#counts()
    if (!counts) return part
    if (part.kind === 'start' || part.kind === 'end' || part.kind === 'boundary' || part.kind === 'look') {
      throw new NotRead()
    }
    return { kind: 'repeat', part, ...counts, lazy: this.#skip('?') }
  }

  #counts(): { readonly min: number; readonly max: number } | undefined {
    if (this.#skip('*')) return { min: 0, max: Infinity }
    if (this.#skip('+')) return { min: 1, max: Infinity }
    if (this.#skip('?')) return { min: 0, max: 1 }
    if (!this.#skip('{')) return undefined
    const min = this.#number()
    const max = this.#skip(',') ? (this.#peek() === '}' ? Infinity : this.#number()) : min
    this.#take('}')
    if (max < min) throw new NotRead()
    return { min, max }
  }

  #number(): number {
    let digits = ''
    while (/^[0-9]$/.test(this.#peek())) digits += this.#take()
    if (digits === '' || digits.length > 6) throw new NotRead()
    return Number(digits)
  }

  #atom(): Expression {
    const letter = this.#take()
    if (letter === '^') return { kind: 'start' }
    if (letter === '$') return { kind: 'end' }
    if (letter === '.') return { kind: 'set', ranges: anyButLineEnd }
    if (letter === '(') return this.#group()
    if (letter === '[') return this.#set()
    if (letter === '\\') return this.#escape()
    if ('*+?{}])'.includes(letter)) throw new NotRead()
    return one(letter.codePointAt(0)!)
  }

  #group(): Expression {
    if (this.#skip('?:')) return this.#closed(this.#choice())
    for (const [word, ahead, negated] of [
      ['?=', true, false],
      ['?!', true, true],
      ['?<=', false, false],
      ['?<!', false, true],
    ] as const) {
      if (this.#skip(word)) return this.#closed({ kind: 'look', ahead, negated, part: this.#choice() })
    }
    const index = ++this.#groups
    if (this.#skip('?<')) {
      let name = ''
      while (this.#peek() !== '>') name += this.#take()
      this.#take('>')
      this.#names.set(name, index)
    } else if (this.#peek() === '?') throw new NotRead()
    return this.#closed({ kind: 'group', index, part: this.#choice() })
  }

  #closed(expression: Expression): Expression {
    this.#take(')')
    return expression
  }

  #escape(): Expression {
    const letter = this.#peek()
    if (letter === 'b' || letter === 'B') {
      this.#take()
      return { kind: 'boundary', negated: letter === 'B' }
    }
    if (/^[1-9]$/.test(letter)) return { kind: 'back', index: this.#number() }
    if (this.#skip('k<')) {
      let name = ''
      while (this.#peek() !== '>') name += this.#take()
      this.#take('>')
      const index = this.#names.get(name)
      if (index === undefined) throw new NotRead()
      return { kind: 'back', index }
    }
    const member = this.#escapedMember()
    if (typeof member === 'number') return one(member)
    return 'test' in member ? member : { kind: 'set', ranges: member }
  }

  /** A code point, the ranges of a class, or a Unicode property. */
  #escapedMember(): number | readonly Range[] | Extract<Expression, { kind: 'property' }> {
    const letter = this.#take()
    const known = classOf(letter)
    if (known) return known
    if (letter === 'p' || letter === 'P') return this.#property(letter)
    if (letter in controls && !(letter === '0' && /^[0-9]$/.test(this.#peek()))) return controls[letter]!
    if (letter === 'c' && /^[A-Za-z]$/.test(this.#peek())) return this.#take().codePointAt(0)! % 32
    if (letter === 'x') return this.#hex(2)
    if (letter === 'u') return this.#unicode()
    if ('^$\\.*+?()[]{}|/-'.includes(letter)) return letter.codePointAt(0)!
    throw new NotRead()
  }

  #unicode(): number {
    if (this.#skip('{')) {
      let digits = ''
      while (this.#peek() !== '}') digits += this.#take()
      this.#take('}')
      const found = /^[0-9a-fA-F]{1,8}$/.test(digits) ? Number.parseInt(digits, 16) : Infinity
      if (found > 0x10ffff) throw new NotRead()
      return found
    }
    const first = this.#hex(4)
    if (first < 0xd800 || first > 0xdbff || this.#peek() !== '\\' || this.#peek(1) !== 'u') return first
    this.#skip('\\u')
    const second = this.#hex(4)
    if (second < 0xdc00 || second > 0xdfff) throw new NotRead()
    return 0x10000 + (first - 0xd800) * 0x400 + (second - 0xdc00)
  }

  #hex(length: number): number {
    let digits = ''
    for (let index = 0; index < length; index++) digits += this.#take()
    if (!/^[0-9a-fA-F]+$/.test(digits)) throw new NotRead()
    return Number.parseInt(digits, 16)
  }

  #property(letter: string): Extract<Expression, { kind: 'property' }> {
    this.#take('{')
    let name = ''
    while (this.#peek() !== '}') name += this.#take()
    this.#take('}')
    if (!/^\w+(=\w+)?$/.test(name)) throw new NotRead()
    try {
      // One code point at a time: the engine has nothing to search.
      const expression = new RegExp(`^\\${letter}{${name}}$`, 'u')
      return { kind: 'property', test: (codePoint) => expression.test(String.fromCodePoint(codePoint)) }
    } catch {
      throw new NotRead()
    }
  }

  #set(): Expression {
    const negated = this.#skip('^')
    const ranges: Range[] = []
    while (!this.#skip(']')) {
      const first = this.#member()
      if (this.#peek() !== '-' || this.#peek(1) === ']') {
        ranges.push(...(typeof first === 'number' ? [[first, first] as const] : first))
        continue
      }
      this.#take('-')
      const last = this.#member()
      if (typeof first !== 'number' || typeof last !== 'number' || last < first) throw new NotRead()
      ranges.push([first, last])
    }
    return { kind: 'set', ranges: negated ? outside(ranges) : joined(ranges) }
  }

  #member(): number | readonly Range[] {
    const letter = this.#take()
    if (letter !== '\\') return letter.codePointAt(0)!
    if (this.#skip('b')) return 8
    const member = this.#escapedMember()
    if (typeof member === 'object' && 'test' in member) throw new NotRead()
    return member
  }
}

function one(codePoint: number): Expression {
  return { kind: 'set', ranges: [[codePoint, codePoint]] }
}
