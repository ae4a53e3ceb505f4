import { Backoff, sleep, systemEnvironment, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { compare, type CompareOptions, type Comparison } from './compare.ts'
import type { Difference } from './difference.ts'
import type { Side } from './side.ts'

/** `drift` after each pass that found some; `failing` once until a pass comes to its end again. */
export type ProofAlarm =
  | {
      readonly alarm: 'drift'
      readonly message: string
      readonly comparison: Comparison
      /** The first 100. */
      readonly differences: readonly Difference[]
    }
  | { readonly alarm: 'failing'; readonly message: string; readonly error: unknown }

export interface ProverOptions extends Pick<CompareOptions, 'patienceMs' | 'settling'> {
  /** What the copy is called in messages. */
  readonly name: string
  /** Opens what is compared, for each pass. */
  readonly open: () => Promise<{ readonly source: Side; readonly copy: Side }>
  /** How long after the beginning of a pass the next one begins; one that takes longer is followed at once. */
  readonly everyMs: number
  /** What a pass may ask of the source; so many rows in `everyMs` are as many as can be proven that often. */
  readonly rowsPerSecond: number
  readonly onAlarm: (alarm: ProofAlarm) => void
  /** Told of every pass that has come to its end. */
  readonly onProof?: (comparison: Comparison) => void
  readonly environment?: Environment
}

/** Proves a copy again and again. */
export interface Prover {
  start(): Promise<void>
  /** Ends the pass that runs. Idempotent. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const mostDifferences = 100
const betweenFailures = { firstMs: 1_000, longestMs: 60_000 }

/** Compares a copy with its source on a schedule, with a budget, and alarms where it finds drift or cannot compare. */
export function createProver(options: ProverOptions): Prover {
  const { everyMs, rowsPerSecond } = options
  if (!(everyMs > 0) || !(rowsPerSecond > 0)) {
    throw new TidingsError('bad-request', 'A prover needs everyMs and rowsPerSecond, both above 0.')
  }
  return new ScheduledProver(options)
}

class ScheduledProver implements Prover {
  readonly #options: ProverOptions
  readonly #environment: Environment
  #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #isFailing = false
  /** Where a pass that failed goes on. */
  #place: string | undefined

  constructor(options: ProverOptions) {
    this.#options = options
    this.#environment = options.environment ?? systemEnvironment
  }

  async start(): Promise<void> {
    if (this.#loop) return
    this.#stopping = new AbortController()
    this.#loop = this.#run(this.#stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    this.#loop = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#environment
    const backoff = new Backoff(this.#environment, betweenFailures)
    let differences: Difference[] = []
    for (let begunAt = clock.monotonic(); !signal.aborted;) {
      try {
        await this.#pass(differences, signal)
        this.#isFailing = false
        backoff.reset()
        this.#place = undefined
        differences = []
        await sleep(this.#environment, Math.max(0, begunAt + this.#options.everyMs - clock.monotonic()), signal)
        begunAt = clock.monotonic()
      } catch (error) {
        if (signal.aborted) return
        this.#fail(error)
        await backoff.pause(signal)
      }
    }
  }

  async #pass(differences: Difference[], signal: AbortSignal): Promise<void> {
    const { name, open, onProof, patienceMs, settling, rowsPerSecond } = this.#options
    const comparison = await compare({
      ...(await open()),
      environment: this.#environment,
      signal,
      rowsPerSecond,
      ...(patienceMs !== undefined && { patienceMs }),
      ...(settling && { settling }),
      ...(this.#place !== undefined && { resume: this.#place }),
      onDifference(difference) {
        if (differences.length < mostDifferences) differences.push(difference)
      },
      onProgress: ({ place }) => (this.#place = place()),
    })
    if (comparison.differences > 0) {
      const message = `${name} has drifted from its source: ${comparison.differences} of ${comparison.source} rows are different, the first one ${differences[0]?.key}.`
      this.#tell(() => this.#options.onAlarm({ alarm: 'drift', message, comparison, differences }))
    }
    this.#tell(() => onProof?.(comparison))
  }

  #fail(error: unknown): void {
    if (this.#isFailing) return
    this.#isFailing = true
    const reason = error instanceof Error ? error.message : String(error)
    const message = `${this.#options.name} cannot be proven at present: ${reason} It is tried again by itself.`
    this.#tell(() => this.#options.onAlarm({ alarm: 'failing', message, error }))
  }

  #tell(told: () => void): void {
    try {
      told()
    } catch {
      // Whoever is told must not be able to stop the proofs by failing.
    }
  }
}
