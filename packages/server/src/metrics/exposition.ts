/**
 * Figures in the text format of Prometheus, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). It is so little that a library would be more to keep
 * up with than this file.
 */
export type Labels = Readonly<Record<string, string>>

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** So many sets of labels has one figure at most; whatever comes after them is counted together as `other`. */
const mostSeries = 1_000

export interface Series {
  readonly labels: Labels
  readonly value: number
  /** Behind the name of the figure: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string
}

export interface Figure {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly series: readonly Series[]
}

export function expose(figures: readonly Figure[]): string {
  return figures
    .map(({ name, help, type, series }) => {
      const lines = series.map(
        ({ labels, value, suffix = '' }) => `${name}${suffix}${labelText(labels)} ${valueText(value)}`,
      )
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].map((line) => `${line}\n`).join('')
    })
    .join('')
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function valueText(value: number): string {
  return value === Infinity ? '+Inf' : String(value)
}

/** What is kept for each set of labels, up to the limit. */
class ByLabels<Kept> {
  readonly #kept = new Map<string, { readonly labels: Labels; readonly kept: Kept }>()
  readonly #make: () => Kept

  constructor(make: () => Kept) {
    this.#make = make
  }

  of(labels: Labels): Kept {
    const known = this.#kept.get(JSON.stringify(labels))
    if (known) return known.kept
    const isFull = this.#kept.size >= mostSeries
    const counted = isFull ? Object.fromEntries(Object.keys(labels).map((name) => [name, 'other'])) : labels
    const name = JSON.stringify(counted)
    const entry = this.#kept.get(name) ?? { labels: counted, kept: this.#make() }
    this.#kept.set(name, entry)
    return entry.kept
  }

  all(): readonly { readonly labels: Labels; readonly kept: Kept }[] {
    return [...this.#kept.values()]
  }
}

/** A count that only grows. */
export class Counter {
  readonly #name: string
  readonly #help: string
  readonly #counts = new ByLabels(() => ({ value: 0 }))

  constructor(name: string, help: string) {
    this.#name = name
    this.#help = help
  }

  add(labels: Labels, amount = 1): void {
    this.#counts.of(labels).value += amount
  }

  figure(): Figure {
    const series = this.#counts.all().map(({ labels, kept }) => ({ labels, value: kept.value }))
    return { name: this.#name, help: this.#help, type: 'counter', series }
  }
}

/** How often something took how long; `bounds` are the upper ends of its buckets, in seconds, ascending. */
export class Histogram {
  readonly #name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  readonly #observed: ByLabels<{ readonly counts: number[]; sum: number }>

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name
    this.#help = help
    this.#bounds = [...bounds, Infinity]
    this.#observed = new ByLabels(() => ({ counts: this.#bounds.map(() => 0), sum: 0 }))
  }

  observe(labels: Labels, all: readonly number[]): void {
    const observed = this.#observed.of(labels)
    for (const seconds of all) {
      observed.counts[this.#bounds.findIndex((bound) => seconds <= bound)]! += 1
      observed.sum += seconds
    }
  }

  figure(): Figure {
    const series = this.#observed.all().flatMap(({ labels, kept: { counts, sum } }) => {
      let value = 0
      const buckets = this.#bounds.map((bound, index) => {
        value += counts[index]!
        return { labels: { ...labels, le: valueText(bound) }, value, suffix: '_bucket' }
      })
      return [...buckets, { labels, value: sum, suffix: '_sum' }, { labels, value, suffix: '_count' }]
    })
    return { name: this.#name, help: this.#help, type: 'histogram', series }
  }
}
