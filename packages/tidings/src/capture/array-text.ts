/** An array as PostgreSQL writes it: elements, arrays inside of it, and `null`. */
export type ArrayItem = string | null | readonly ArrayItem[]

/**
 * Reads the text form of an array (PostgreSQL manual, "Array Input and Output Syntax"). Bounds before it, which arrays
 * that do not begin at 1 have, are left out.
 */
export function parseArray(text: string): readonly ArrayItem[] {
  const start = text.indexOf('{')
  if (start < 0) throw new SyntaxError(`"${text.slice(0, 40)}" is no array of PostgreSQL.`)
  const scanner = new Scanner(text, start)
  return scanner.array()
}

class Scanner {
  readonly #text: string
  #at: number

  constructor(text: string, at: number) {
    this.#text = text
    this.#at = at
  }

  array(): readonly ArrayItem[] {
    const items: ArrayItem[] = []
    this.#at += 1
    while (this.#next() !== '}') {
      if (this.#next() === ',') this.#at += 1
      items.push(this.#item())
    }
    this.#at += 1
    return items
  }

  #next(): string {
    const next = this.#text[this.#at]
    if (next === undefined) throw new SyntaxError('An array of PostgreSQL is cut short.')
    return next
  }

  #item(): ArrayItem {
    if (this.#next() === '{') return this.array()
    if (this.#next() === '"') return this.#quoted()
    const start = this.#at
    while (!/[,}]/.test(this.#next())) this.#at += 1
    const word = this.#text.slice(start, this.#at)
    return word === 'NULL' ? null : word
  }

  #quoted(): string {
    let value = ''
    for (;;) {
      this.#at += 1
      const next = this.#next()
      if (next === '"') break
      if (next === '\\') this.#at += 1
      value += this.#next()
    }
    this.#at += 1
    return value
  }
}
