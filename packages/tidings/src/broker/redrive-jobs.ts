import { TidingsError } from '../errors.ts'
import type { Engine, LedgerEntry } from '../engine/index.ts'
import { sleep, type Environment } from '../environment/index.ts'
import { deadKey, readException } from '../delivery/index.ts'
import { actOn } from './aside.ts'
import { batchSize, nextBatch, pauseMs, type StoredRedrive } from './redrive-batch.ts'
import type { Redrive, StartRedriveRequest } from './port/dead-letters.ts'
import { isFull } from './shard-ledger.ts'
import type { ShardRunner } from './shard-runner.ts'

const formatVersion = 1
const range = { from: 'j/', to: 'j0' } as const
const pageSize = 1_000
/** How many that have ended are kept for whoever wants to know. */
const keptEnded = 20
const watchEveryMs = 100
/** How soon a job looks whether the disk has room again. */
const roomEveryMs = 1_000

/** What a redrive needs of its subscription. */
export interface RedrivesOptions {
  readonly subscription: string
  readonly shards: readonly ShardRunner[]
  readonly environment: Environment
}

/**
 * Dead letters that are handed back in batches, as jobs that stand in the ledger of the first shard and go on after a
 * restart. A job is `running` until it is `done` or `stopped`: by an operator, by its canary, by a seek.
 *
 * Each batch is written down before it is handed back, so that after a crash it is known which letters are on their way.
 * A letter is handed back once whoever else redrives it, because each takes it from its place among the dead.
 */
export class RedriveJobs {
  readonly #options: RedrivesOptions
  readonly #jobs = new Map<string, StoredRedrive>()
  readonly #ended = new AbortController()

  constructor(options: RedrivesOptions) {
    this.#options = options
  }

  async load(): Promise<void> {
    for (const entry of await this.#first.list(range, pageSize)) {
      const job = read(entry)
      this.#jobs.set(job.redrive, job)
      if (job.status === 'running') void this.#run(job.redrive)
    }
  }

  end(): void {
    this.#ended.abort()
  }

  async start(request: StartRedriveRequest, by: string): Promise<Redrive> {
    const { environment } = this.#options
    const { filter = {}, perSecond, canary = false } = request
    const job: StoredRedrive = {
      redrive: environment.ids.next(),
      by,
      startedAt: environment.clock.now(),
      filter,
      ...(perSecond === undefined ? {} : { perSecond }),
      canary,
      status: 'running',
      redriven: 0,
      edited: 0,
      generation: this.#first.machine.state.generation,
      after: 0,
      batch: [],
      step: 0,
    }
    this.#forgetOldest()
    await this.#save(job)
    void this.#run(job.redrive)
    return described(job)
  }

  list(): readonly Redrive[] {
    return [...this.#jobs.values()].sort((left, right) => left.startedAt - right.startedAt).map(described)
  }

  async stop(redrive: string, by: string): Promise<Redrive> {
    const job = this.#jobs.get(redrive)
    if (job?.status === 'running') await this.#finish(job, 'stopped', `${by} stopped it.`)
    const found = this.#jobs.get(redrive)
    if (found) return described(found)
    const { subscription } = this.#options
    throw new TidingsError(
      'redrive-unknown',
      `There is no redrive ${redrive} of ${subscription}; look at the list of its redrives.`,
    )
  }

  // ---------------------------------------------------------------------------------------------------------- running

  async #run(redrive: string): Promise<void> {
    for (;;) {
      try {
        let resumed = true
        while (await this.#step(this.#jobs.get(redrive)!, resumed)) resumed = false
        return
      } catch (error) {
        // The store has failed or another server has the subscription: whoever opens it next goes on from the ledger.
        if (!isFull(error)) return
        await sleep(this.#options.environment, roomEveryMs, this.#ended.signal)
      }
    }
  }

  /** One batch; answers whether there may be another. */
  async #step(job: StoredRedrive, resumed: boolean): Promise<boolean> {
    const { shards, environment } = this.#options
    if (!this.#goesOn(job)) return false
    if (this.#first.machine.state.generation !== job.generation) {
      await this.#finish(job, 'stopped', 'The subscription was moved by a seek, so that its dead letters are others.')
      return false
    }
    const onTheirWay = job.batch.length > 0 && resumed
    const begun = onTheirWay ? job : { ...job, ...(await nextBatch(shards, job, batchSize(job))) }
    if (!this.#goesOn(job)) return false
    if (begun.batch.length === 0) {
      await this.#finish(begun, 'done')
      return false
    }
    await this.#save(begun)
    const found = await this.#handBack(begun)
    const failure = begun.canary ? await this.#watch(begun) : undefined
    const present = this.#jobs.get(job.redrive)!
    const redriven = begun.redriven + (onTheirWay ? begun.batch.length : found)
    const after = { ...begun, status: present.status, batch: [], step: begun.step + 1, redriven }
    if (present.status !== 'running') {
      await this.#save({ ...present, redriven })
      return false
    }
    if (failure === undefined) await this.#save(after)
    else await this.#finish(after, 'stopped', failure)
    await sleep(environment, pauseMs(begun), this.#ended.signal)
    return failure === undefined
  }

  #goesOn({ redrive }: StoredRedrive): boolean {
    return !this.#ended.signal.aborted && this.#jobs.get(redrive)?.status === 'running'
  }

  async #handBack({ batch, startedAt }: StoredRedrive): Promise<number> {
    let redriven = 0
    await actOn(this.#options, batch.map(deadKey), ({ aside }, entry) => {
      const letter = readException(entry)
      // One that died again since was handed back before the crash.
      if (letter.edit !== undefined || (letter.deadAt ?? 0) > startedAt) return
      aside.redrive(letter)
      redriven++
    })
    return redriven
  }

  /** Waits until each of a batch is settled, or parked behind another letter; answers why one failed again. */
  async #watch(job: StoredRedrive): Promise<string | undefined> {
    let open = [...job.batch]
    while (open.length > 0 && this.#goesOn(job) && this.#first.machine.state.generation === job.generation) {
      const still: number[] = []
      for (const offset of open) {
        const found = await this.#standing(offset)
        if (found.failed !== undefined) return `${found.failed} It was the first of its batch to fail again.`
        if (found.open) still.push(offset)
      }
      open = still
      if (open.length > 0) await sleep(this.#options.environment, watchEveryMs, this.#ended.signal)
    }
    return undefined
  }

  async #standing(offset: number): Promise<{ open: boolean; failed?: string }> {
    for (const shard of this.#options.shards) {
      const entry = shard.machine.state.entries.get(offset)
      // An attempt under way may be counted before it has failed.
      if (entry && entry.attempts > (entry.counted ? 1 : 0)) return { open: true, failed: failed(offset, entry.reason) }
      if (entry) return { open: true }
      const [dead] = await shard.find([deadKey(offset)])
      if (dead) return { open: false, failed: failed(offset, readException(dead).reason) }
    }
    return { open: false }
  }

  // ---------------------------------------------------------------------------------------------------------- keeping

  get #first(): ShardRunner {
    return this.#options.shards[0]!
  }

  #finish(job: StoredRedrive, status: 'done' | 'stopped', reason?: string): Promise<void> {
    const endedAt = this.#options.environment.clock.now()
    return this.#save({ ...job, status, endedAt, ...(reason === undefined ? {} : { reason }) })
  }

  async #save(job: StoredRedrive): Promise<void> {
    this.#jobs.set(job.redrive, job)
    this.#first.machine.state.unsaved.write(`j/${job.redrive}`, JSON.stringify({ v: formatVersion, ...job }))
    await this.#first.commit()
  }

  #forgetOldest(): void {
    const ended = [...this.#jobs.values()].filter(({ status }) => status !== 'running')
    ended.sort((left, right) => left.startedAt - right.startedAt)
    for (const { redrive } of ended.slice(0, Math.max(0, ended.length - keptEnded + 1))) {
      this.#jobs.delete(redrive)
      this.#first.machine.state.unsaved.write(`j/${redrive}`, null)
    }
  }
}

/** Whether a job of a subscription was running when it was written down last. */
export async function hasRunningRedrive(
  ledger: Engine['ledger'],
  { namespace, subscription }: { readonly namespace: string; readonly subscription: string },
): Promise<boolean> {
  const entries = await ledger.load({ namespace, ledger: subscription, shard: 0 }, range, pageSize)
  return entries.some((entry) => read(entry).status === 'running')
}

function read({ value }: LedgerEntry): StoredRedrive {
  const { v, ...job } = JSON.parse(value) as StoredRedrive & { v: number }
  if (v === formatVersion) return job
  throw new TidingsError(
    'store-version',
    `A redrive was written in format ${v}; this version of Tidings reads format ${formatVersion}. Use the version that wrote it or a newer one.`,
  )
}

function described(job: StoredRedrive): Redrive {
  const { generation: _, after: __, batch: ___, step: ____, ...redrive } = job
  return redrive
}

function failed(offset: number, reason = 'no reason given'): string {
  return `The event with number ${offset} failed again: ${reason}.`
}
