import type { Pattern } from '../pattern/pattern.ts'
import type { Branch, Region } from './branch.ts'
import { broken, met } from './demand.ts'
import type { Literal, Search, Tally } from './goal.ts'
import type { Named } from './writer.ts'

/** Names that nobody speaks of and that match the same patterns: their values are all treated alike. */
export interface FreshClass {
  readonly found: ReadonlyMap<string, boolean>
  /** What is demanded of their values. */
  readonly literals: readonly Literal[]
  readonly example: string
}

interface Scene {
  readonly branch: Branch
  readonly named: Named | undefined
  /** The names that somebody speaks of. */
  readonly known: ReadonlySet<string>
  readonly search: Search
  readonly tally: Tally
}

const mostPatterns = 6

/** Makes up names that no schema spells out, such as an object with further properties has. */
export class FreshNames {
  readonly #scene: Scene
  readonly #patterns: ReadonlyMap<string, Pattern>
  #classes: readonly FreshClass[] | undefined

  constructor(scene: Scene) {
    this.#scene = scene
    this.#patterns = patternsOf(scene)
  }

  /** One name of each class in a region; what is demanded of them is put into `madeUp`. */
  *namesIn(region: Region, madeUp: Map<string, FreshClass>): Iterable<string> {
    for (const fresh of this.classes()) {
      if (region.pattern && !fresh.found.get(region.pattern.source)) continue
      if (region.outside?.patterns.some(({ source }) => fresh.found.get(source))) continue
      const name = this.nameIn(fresh, [...madeUp.keys()], region)
      if (name === undefined) continue
      madeUp.set(name, fresh)
      yield name
    }
  }

  /** A name of the class that is none of those; `undefined` where there is none, or none was found. */
  nameIn({ found }: Pick<FreshClass, 'found'>, used: readonly string[], region: Region = {}): string | undefined {
    const { branch, known, search, tally } = this.#scene
    const literals = [
      ...branch.nameRules.map(met),
      ...(region.breaks ? [broken(region.breaks)] : []),
      broken(search.listed([...new Set([...known, ...used])])),
    ]
    const name = [...this.#patterns].map(([source, pattern]) => ({ pattern, found: found.get(source) === true }))
    const outcome = tally.add(search.solve({ literals, name }))
    return typeof outcome?.value === 'string' ? outcome.value : undefined
  }

  classes(): readonly FreshClass[] {
    this.#classes ??= this.#allClasses()
    return this.#classes
  }

  #allClasses(): readonly FreshClass[] {
    const sources = [...this.#patterns.keys()]
    if (sources.length > mostPatterns) {
      this.#scene.tally.doubt('', `more than ${mostPatterns} patterns speak of the names in one object`)
      return []
    }
    const ways = Array.from({ length: 2 ** sources.length }, (_, way) => way)
    return ways.flatMap((way) => {
      const found = new Map(sources.map((source, index) => [source, ((way >> index) & 1) === 1]))
      if (!this.#isWritten(found)) return []
      const example = this.nameIn({ found }, [])
      return example === undefined ? [] : [{ found, literals: this.#literalsOf(found), example }]
    })
  }

  #isWritten(found: ReadonlyMap<string, boolean>): boolean {
    const { named } = this.#scene
    return !named || named.every || named.patterns.some(({ source }) => found.get(source))
  }

  #literalsOf(found: ReadonlyMap<string, boolean>): readonly Literal[] {
    return this.#scene.branch.propertyRules.flatMap((rule): readonly Literal[] => {
      if (rule.keyword === 'properties') return []
      if (rule.keyword === 'patternProperties') {
        return rule.patterns.filter(({ pattern }) => found.get(pattern.source)).map(({ node }) => met(node))
      }
      return rule.patterns.some(({ source }) => found.get(source)) ? [] : [met(rule.rest)]
    })
  }
}

function patternsOf({ branch, named }: Scene): ReadonlyMap<string, Pattern> {
  const patterns: Pattern[] = [...(named?.patterns ?? [])]
  for (const rule of branch.propertyRules) {
    if (rule.keyword === 'patternProperties') patterns.push(...rule.patterns.map(({ pattern }) => pattern))
    else if (rule.keyword !== 'properties') patterns.push(...rule.patterns)
  }
  for (const { region } of branch.someProperties) {
    if (region.pattern) patterns.push(region.pattern)
    patterns.push(...(region.outside?.patterns ?? []))
  }
  return new Map(patterns.map((pattern) => [pattern.source, pattern]))
}
