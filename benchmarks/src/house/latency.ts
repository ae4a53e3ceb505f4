import { build } from 'hdr-histogram-js'

/** In milliseconds. */
export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly count: number
}

export interface Latencies {
  /** Milliseconds; of an open loop, from the moment at which the call was to begin. */
  record(milliseconds: number): void
  percentiles(): Percentiles
}

/** A histogram of high dynamic range: three digits, from a microsecond on. */
export function latencies(): Latencies {
  const histogram = build({ numberOfSignificantValueDigits: 3 })
  return {
    record: (milliseconds) => histogram.recordValue(Math.max(0, Math.round(milliseconds * 1_000))),
    percentiles() {
      if (histogram.totalCount === 0) throw new Error('No latency was recorded: nothing was measured.')
      const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1_000
      return { p50: at(50), p99: at(99), p999: at(99.9), max: at(100), count: histogram.totalCount }
    },
  }
}
