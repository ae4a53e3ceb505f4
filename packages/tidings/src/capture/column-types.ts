import { parseArray, type ArrayItem } from './array-text.ts'
import type { CapturePool } from './client.ts'
import { read } from './session.ts'

/** How values of one type of PostgreSQL stand in JSON. */
export interface ColumnType {
  /** As PostgreSQL calls it. */
  readonly name: string
  /** The JSON of a value, from the text that PostgreSQL gives for it. */
  json(text: string): string
  /** Whether a value is a JSON number or a JSON text, so that it can be a key. */
  readonly key: boolean
  /** The type of the catalogue whose form it has; `enum`, `array`, and `string` for texts of extensions. */
  readonly form: string
}

/** A row of `pg_type`. */
interface StoredType {
  readonly oid: number
  readonly name: string
  readonly kind: string
  readonly category: string
  readonly base: number
  readonly element: number
}

type Json = ColumnType['json']

const asText: Json = (text) => JSON.stringify(text)
const asIs: Json = (text) => text
/** JSON has no number for these, and a row must not be held back because of them. */
const asFloat: Json = (text) => (/^(NaN|-?Infinity)$/.test(text) ? JSON.stringify(text) : text)
const asBoolean: Json = (text) => (text === 't' ? 'true' : 'false')
const asBytes: Json = (text) => JSON.stringify(Buffer.from(text.slice(2), 'hex').toString('base64'))

/** RFC 3339 where the moment has such a form; what lies before Christ, after 9999 or at infinity stays as PostgreSQL has it. */
const asMoment: Json = (text) => {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(\+00)?$/.exec(text)
  return JSON.stringify(parts ? `${parts[1]}T${parts[2]}${parts[3] === undefined ? '' : 'Z'}` : text)
}

/** The types of the catalogue that have a form in JSON, by their names there. */
const forms: Readonly<Record<string, readonly [json: Json, key: boolean]>> = {
  bool: [asBoolean, false],
  int2: [asIs, true],
  int4: [asIs, true],
  int8: [asIs, true],
  oid: [asIs, true],
  float4: [asFloat, false],
  float8: [asFloat, false],
  numeric: [asText, true],
  json: [asIs, false],
  jsonb: [asIs, false],
  bytea: [asBytes, true],
  timestamptz: [asMoment, true],
  timestamp: [asMoment, true],
  date: [asText, true],
  time: [asText, true],
  timetz: [asText, true],
  interval: [asText, false],
  uuid: [asText, true],
  char: [asText, true],
  inet: [asText, true],
  cidr: [asText, true],
  macaddr: [asText, true],
  macaddr8: [asText, true],
  bit: [asText, true],
  varbit: [asText, true],
  xml: [asText, false],
}

/** PostgreSQL's own letter for types that are strings, those of extensions (`citext`) included. */
const stringCategory = 'S'
/** The ids below this one belong to types of the catalogue, which no user can change. */
const firstUserType = 16_384

/**
 * Finds out how types stand in JSON; types without a form there are `undefined`: composite types, ranges, geometric and
 * other types, `money` (whose text depends on a setting).
 */
export class ColumnTypes {
  readonly #pool: CapturePool
  readonly #stored = new Map<number, StoredType>()

  constructor(pool: CapturePool) {
    this.#pool = pool
  }

  /** The types with these ids. */
  async load(oids: readonly number[]): Promise<ReadonlyMap<number, ColumnType | undefined>> {
    let missing = oids.filter((oid) => !this.#stored.has(oid))
    while (missing.length > 0) {
      const found = await this.#read(missing)
      for (const type of found) this.#stored.set(type.oid, type)
      missing = found
        .flatMap(({ base, element }) => [base, element])
        .filter((oid) => oid !== 0 && !this.#stored.has(oid))
    }
    return new Map(oids.map((oid) => [oid, this.#typeOf(oid)]))
  }

  /** What a type is called, for those who have to be told of it. */
  nameOf(oid: number): string {
    return this.#stored.get(oid)?.name ?? `type ${oid}`
  }

  async #read(oids: readonly number[]): Promise<StoredType[]> {
    const rows = await read(this.#pool, (session) =>
      session.rows(
        `select oid, typname, typtype, typcategory, typbasetype, case when typinput = 'array_in'::regproc then typelem else 0 end
           from pg_type where oid = any ($1::oid[])`,
        [oids.map(String)],
      ),
    )
    return rows.map(([oid, name, kind, category, base, element]) => ({
      oid: Number(oid),
      name: name!,
      kind: kind!,
      category: category!,
      base: Number(base),
      element: Number(element),
    }))
  }

  #typeOf(oid: number): ColumnType | undefined {
    const stored = this.#stored.get(oid)
    if (!stored) return undefined
    const { name, kind, category, base, element } = stored
    if (kind === 'd') {
      const type = this.#typeOf(base)
      return type && { ...type, name }
    }
    if (kind === 'e') return { name, json: asText, key: true, form: 'enum' }
    if (element !== 0) {
      const items = this.#typeOf(element)
      return items && { name, json: (text) => arrayJson(parseArray(text), items.json), key: false, form: 'array' }
    }
    const isOfCatalogue = oid < firstUserType
    const known = isOfCatalogue ? forms[name] : undefined
    if (known) return { name, json: known[0], key: known[1], form: name }
    if (kind !== 'b' || category !== stringCategory) return undefined
    return { name, json: asText, key: true, form: isOfCatalogue ? name : 'string' }
  }
}

function arrayJson(items: readonly ArrayItem[], json: Json): string {
  const parts = items.map((item) => {
    if (item === null) return 'null'
    return typeof item === 'string' ? json(item) : arrayJson(item, json)
  })
  return `[${parts.join(',')}]`
}
