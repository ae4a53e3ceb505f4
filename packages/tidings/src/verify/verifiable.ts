import { TidingsError } from '../errors.ts'
import type { Side } from './side.ts'

/** An entity whose system of record can be compared with copies of it. */
export interface Verifiable {
  readonly topic: string
  /** The property that is its key. */
  readonly key: string
  /** The other properties that may be asked for. */
  readonly columns: readonly string[]
  /** The side with these of its columns. */
  open(columns: readonly string[]): Promise<Side>
}

const mostSides = 50

/** Opens the sides that are asked for, and keeps them, because the same ones are asked for again and again. */
export class OpenSides {
  readonly #entities: ReadonlyMap<string, Verifiable>
  readonly #sides = new Map<string, Promise<Side>>()

  constructor(entities: readonly Verifiable[]) {
    this.#entities = new Map(entities.map((entity) => [entity.topic, entity]))
  }

  entity(topic: string): Verifiable {
    const entity = this.#entities.get(topic)
    if (entity) return entity
    throw new TidingsError(
      'topic-unknown',
      `Nothing of ${topic} can be compared here; there are ${[...this.#entities.keys()].join(', ') || 'no entities'}.`,
      { details: { topic } },
    )
  }

  side(topic: string, columns: readonly string[]): Promise<Side> {
    const entity = this.entity(topic)
    const unknown = columns.find((column) => !entity.columns.includes(column))
    if (unknown !== undefined) {
      throw new TidingsError(
        'bad-request',
        `${topic} has no column ${JSON.stringify(unknown.slice(0, 60))} to compare; it has ${entity.columns.join(', ')}.`,
        { details: { topic, column: unknown } },
      )
    }
    const name = JSON.stringify([topic, ...columns])
    const known = this.#sides.get(name)
    if (known) return known
    if (this.#sides.size >= mostSides) this.#sides.delete(this.#sides.keys().next().value!)
    const opened = entity.open(columns)
    this.#sides.set(name, opened)
    opened.catch(() => this.#sides.delete(name))
    return opened
  }
}
