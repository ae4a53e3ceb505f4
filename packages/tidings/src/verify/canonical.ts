import { TextHash } from './hash.ts'

/**
 * One text for each value, whichever side it comes from: its JSON with the members of objects in order and without space,
 * and with every digit of an integer. Numbers with a fraction are those of JavaScript, which is what a copy keeps of them.
 */
export function canonicalText(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`).join(',')}}`
}

/** The canonical texts of these columns of a row. */
export function canonicalValues(
  data: Readonly<Record<string, unknown>>,
  columns: readonly string[],
): ReadonlyMap<string, string> {
  const present = columns.filter((column) => data[column] !== undefined)
  return new Map(present.map((column) => [column, canonicalText(data[column])]))
}

/** What stands in a hash for the type of a value, so that a text is not taken for the number or the JSON that it spells. */
export const tags = { absent: 0, null: 1, boolean: 2, number: 3, text: 4, json: 5 } as const

/** What a row's hash begins with: another one for another canonical form, so that the two are never taken for equal. */
export const hashForm = 1

/**
 * Hashes rows: the key with the tag of its type, then each column in the order that both sides were given, each hash being
 * the seed of the next. A column is its tag and a text: a text itself, a boolean as JSON, a number in decimal digits
 * without an exponent, a list or an object as its canonical JSON, and nothing for what is null or absent.
 */
export class RowHasher {
  readonly #columns: readonly string[]
  readonly #key: string
  readonly #hash = new TextHash()

  constructor({ key, columns }: { readonly key: string; readonly columns: readonly string[] }) {
    this.#key = key
    this.#columns = columns
  }

  /** Good until the next row is hashed. */
  hash(key: string, data: Readonly<Record<string, unknown>>): Pick<TextHash, 'high' | 'low'> {
    const hash = this.#hash
    hash.high = 0
    hash.low = hashForm
    hash.add(key, tagOf(data[this.#key]))
    for (const column of this.#columns) {
      const value = data[column]
      const tag = tagOf(value)
      hash.add(hashedText(value, tag), tag)
    }
    return hash
  }
}

function tagOf(value: unknown): number {
  const type = typeof value
  if (type === 'string') return tags.text
  if (type === 'number' || type === 'bigint') return tags.number
  if (type === 'boolean') return tags.boolean
  if (type === 'undefined') return tags.absent
  return value === null ? tags.null : tags.json
}

function hashedText(value: unknown, tag: number): string {
  if (tag === tags.text) return value as string
  if (tag === tags.number) return decimal(value as number | bigint)
  if (tag === tags.json) return canonicalText(value)
  return tag === tags.boolean ? String(value) : ''
}

/** The shortest digits that are this number, without an exponent: `1e21` is 1000000000000000000000. */
export function decimal(value: number | bigint): string {
  const text = String(value)
  const [, sign = '', whole = '', fraction = '', exponent] = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? []
  if (exponent === undefined) return text
  const digits = whole + fraction
  const point = whole.length + Number(exponent)
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return sign + digits.padEnd(point, '0')
}
