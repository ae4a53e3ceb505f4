import { observed, type ReadsOfOne } from './observed.ts'
import type { ObserveReads } from './types.ts'

/** As many different fields of one handler; whoever reads more reads everything. */
const mostFields = 500
const longestField = 500
const share = 0.01

export interface HandlerReadsOptions {
  readonly observe: ObserveReads
  /** Uniform in [0, 1). */
  readonly chance: () => number
}

/** Where developers and tests run it, there is time to look. */
export function observeByDefault(): ObserveReads {
  const { process } = globalThis as {
    readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> }
  }
  return ['development', 'test'].includes(process?.env?.['NODE_ENV'] ?? '') ? 'always' : 'never'
}

/** Which fields of the data of its events a handler was seen to read. */
export class HandlerReads {
  readonly #options: HandlerReadsOptions
  readonly #fields = new Set<string>()
  /** It copies its data in a way that no proxy bears, which is to read everything. */
  #unobservable = false

  constructor(options: HandlerReadsOptions) {
    this.#options = options
  }

  /** JSON pointers in order, without those that another one holds: '' is everything. */
  get fields(): readonly string[] {
    return [...this.#fields].filter((field) => !this.#isCovered(field)).toSorted()
  }

  /** Looks at one delivery, unless it is not to be looked at. */
  begin(): ObservedDelivery | undefined {
    const { observe, chance } = this.#options
    if (this.#unobservable || observe === 'never' || (observe === 'sampled' && chance() >= share)) return undefined
    return new ObservedDelivery((fields) => fields.forEach((field) => this.#add(field)))
  }

  giveUp(): void {
    this.#unobservable = true
    this.#add('')
  }

  /** What is too much to be remembered is everything. */
  #add(field: string): void {
    if (this.#fields.has('') || this.#fields.has(field)) return
    const isTooMuch = this.#fields.size >= mostFields || field.length > longestField
    if (field === '' || isTooMuch) this.#fields.clear()
    this.#fields.add(isTooMuch ? '' : field)
  }

  #isCovered(field: string): boolean {
    return prefixes(field).some((prefix) => this.#fields.has(prefix))
  }
}

/** The reads of one delivery, until its handler has ended. */
export class ObservedDelivery {
  readonly #done: (fields: ReadonlySet<string>) => void
  readonly #read = new Set<string>()
  readonly #touched = new Set<string>()

  constructor(done: (fields: ReadonlySet<string>) => void) {
    this.#done = done
  }

  /** The event as the handler gets it. */
  event<Given extends { readonly data: unknown; readonly bytes: Uint8Array | undefined }>(given: Given): Given {
    const everything = (): void => void this.#read.add('')
    return {
      ...given,
      data: this.#data(given.data),
      get bytes() {
        everything()
        return given.bytes
      },
    }
  }

  #data(value: unknown): unknown {
    const reads: ReadsOfOne = {
      read: (pointer) => void this.#read.add(pointer),
      touched: (pointer) => void this.#touched.add(pointer),
    }
    const data = observed(value, reads)
    // That it was handed over is no read, unless there is nothing in it that could be seen.
    this.#touched.clear()
    return data
  }

  /** What was taken in hand and not looked into counts as read: it was passed on, or asked whether it is there. */
  end(): void {
    const inside = new Set([...this.#read].flatMap(prefixes))
    for (const pointer of this.#touched) if (!inside.has(pointer)) this.#read.add(pointer)
    this.#done(this.#read)
  }
}

function prefixes(pointer: string): readonly string[] {
  const steps = pointer.split('/')
  return steps.slice(1).map((_, index) => steps.slice(0, index + 1).join('/'))
}
