import { isPlainObject, pointerTo } from './node.ts'

/** A schema inside a document, with the place that references in it are relative to. */
export interface Place {
  readonly raw: unknown
  readonly pointer: string
}

const ownBase = 'https://schema.invalid/'
/** In these stands no schema; in those, schemas by names that are no keywords. */
export const notSchemas = new Set(['enum', 'const', 'default', 'examples'])
export const byName = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'])

/** Where the references of a document lead: nowhere but into itself. */
export class References {
  readonly #resources = new Map<string, Place>()
  readonly #anchors = new Map<string, Place>()
  readonly #dynamicAnchors = new Map<string, Place[]>()
  readonly #bases = new WeakMap<object, string>()

  constructor(document: unknown) {
    this.#resources.set(ownBase, { raw: document, pointer: '' })
    const waiting = [{ raw: document, pointer: '', base: ownBase, named: false }]
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { raw, pointer, named } = next
      if (typeof raw !== 'object' || raw === null || this.#bases.has(raw)) continue
      const base = isPlainObject(raw) && !named ? this.#register(raw, pointer, next.base) : next.base
      this.#bases.set(raw, base)
      for (const [step, inside] of Object.entries(raw)) {
        if (!named && notSchemas.has(step)) continue
        waiting.push({ raw: inside, pointer: pointerTo(pointer, step), base, named: !named && byName.has(step) })
      }
    }
  }

  #register(raw: Readonly<Record<string, unknown>>, pointer: string, outer: string): string {
    const place = { raw, pointer }
    const id = raw['$id']
    const base = typeof id === 'string' ? (resolve(id, outer) ?? outer) : outer
    if (base !== outer) this.#resources.set(base, place)
    for (const keyword of ['$anchor', '$dynamicAnchor']) {
      const name = raw[keyword]
      if (typeof name !== 'string') continue
      this.#anchors.set(`${base}#${name}`, place)
      if (keyword === '$dynamicAnchor')
        this.#dynamicAnchors.set(name, [...(this.#dynamicAnchors.get(name) ?? []), place])
    }
    return base
  }

  /** What a `$ref` in this schema leads to; `undefined` where that is not in the document. */
  follow(from: object, reference: string): Place | undefined {
    const full = resolve(reference, this.#bases.get(from) ?? ownBase, 'with fragment')
    if (full === undefined) return undefined
    const [resource, fragment = ''] = split(full)
    const root = this.#resources.get(resource)
    if (!root) return undefined
    if (fragment === '') return root
    return fragment.startsWith('/') ? walk(root, fragment) : this.#anchors.get(`${resource}#${fragment}`)
  }

  /** What a `$dynamicRef` leads to, where that does not depend on the way that led there. */
  followDynamic(from: object, reference: string): Place | undefined {
    const found = this.follow(from, reference)
    const name = split(reference)[1]
    const anchors = name === undefined ? undefined : this.#dynamicAnchors.get(name)
    return !anchors || (anchors.length === 1 && anchors[0]!.raw === found?.raw) ? found : undefined
  }
}

function resolve(reference: string, base: string, fragment?: 'with fragment'): string | undefined {
  try {
    const url = new URL(reference, base).href
    return fragment ? url : split(url)[0]
  } catch {
    return undefined
  }
}

function split(reference: string): readonly [string, string | undefined] {
  const at = reference.indexOf('#')
  return at < 0 ? [reference, undefined] : [reference.slice(0, at), reference.slice(at + 1)]
}

function walk(root: Place, fragment: string): Place | undefined {
  let { raw, pointer } = root
  for (const coded of fragment.slice(1).split('/')) {
    const step = decode(coded)?.replaceAll('~1', '/').replaceAll('~0', '~')
    if (step === undefined || typeof raw !== 'object' || raw === null || !Object.hasOwn(raw, step)) return undefined
    raw = (raw as Readonly<Record<string, unknown>>)[step]
    pointer = pointerTo(pointer, step)
  }
  return typeof raw === 'boolean' || isPlainObject(raw) ? { raw, pointer } : undefined
}

function decode(step: string): string | undefined {
  try {
    return decodeURIComponent(step)
  } catch {
    return undefined
  }
}
