import type { ColumnType } from './column-types.ts'
import type { Tuple } from './pgoutput.ts'

export interface FormedColumn {
  readonly name: string
  /** Absent where its values have no form in JSON. */
  readonly type: ColumnType | undefined
  readonly published: boolean
}

export interface RowFormOptions {
  /** In the order of the rows. */
  readonly columns: readonly FormedColumn[]
  /** The names of the columns that are the key, in its order; they have types. */
  readonly key: readonly string[]
  /** The property of the entity that is its key. */
  readonly keyProperty: string
}

const encoder = new TextEncoder()

/** Turns rows of one shape of a table into the keys and payloads of events. */
export class RowForm {
  readonly #columns: readonly (readonly [place: number, prefix: string, type: ColumnType])[]
  readonly #key: readonly (readonly [place: number, type: ColumnType])[]
  readonly #keyProperty: string
  /** Whether the property that is the key has to be added, because no column is it. */
  readonly #addsKey: boolean

  constructor({ columns, key, keyProperty }: RowFormOptions) {
    this.#columns = columns.flatMap(({ name, type, published }, place) =>
      type && published ? [[place, `${JSON.stringify(name)}:`, type] as const] : [],
    )
    this.#key = key.map((name) => {
      const place = columns.findIndex((column) => column.name === name)
      return [place, columns[place]!.type!] as const
    })
    this.#keyProperty = keyProperty
    this.#addsKey = !columns.some(({ name, published }) => name === keyProperty && published)
  }

  /**
   * The key of a row: of one column its value, as a JSON text or number would be read; of several columns a JSON list of
   * such texts, for example `["7","2026-01-31"]`. `undefined` when the row does not have all of its key.
   */
  key(row: Tuple): string | undefined {
    const parts: string[] = []
    for (const [place, type] of this.#key) {
      const text = row[place]
      if (text === null || text === undefined) return undefined
      const json = type.json(text)
      parts.push(json.startsWith('"') ? (JSON.parse(json) as string) : json)
    }
    return parts.length === 1 ? parts[0] : JSON.stringify(parts)
  }

  /** The texts of the key's columns. */
  keyTexts(row: Tuple): readonly string[] {
    return this.#key.map(([place]) => row[place]!)
  }

  /** Whether every value that is published is there. */
  isComplete(row: Tuple): boolean {
    return this.#columns.every(([place]) => row[place] !== undefined)
  }

  /** The state of an entity as JSON. */
  state(row: Tuple, key: string): Uint8Array {
    const members = this.#columns.map(([place, prefix, type]) => {
      const text = row[place]
      return prefix + (text === null || text === undefined ? 'null' : type.json(text))
    })
    if (this.#addsKey) members.unshift(this.#keyMember(key))
    return encoder.encode(`{${members.join(',')}}`)
  }

  /** What is told of an entity that is gone. */
  gone(key: string): Uint8Array {
    return encoder.encode(`{${this.#keyMember(key)}}`)
  }

  #keyMember(key: string): string {
    const [only] = this.#key.length === 1 ? this.#key : []
    // A type whose values are JSON numbers leaves them as they are.
    const json = only && /^-?\d+$/.test(key) && only[1].json(key) === key ? key : JSON.stringify(key)
    return `${JSON.stringify(this.#keyProperty)}:${json}`
  }
}
