import { sleep, TidingsError, type Environment } from 'tidings'
import type { Ledger, LedgerOwner, Ownership } from 'tidings/engine'

/** Whoever leads at present, or led last. */
export interface Leader {
  readonly epoch: number
  /** Where it is reached, as `host:port`; absent where it has not said so. */
  readonly address?: string | undefined
  /** Whether it asks everybody for a token; absent as long as it has not said so. */
  readonly asksForTokens?: boolean | undefined
}

export type View =
  /** Nobody leads, or this server has not looked yet. */
  | { readonly state: 'looking' }
  | { readonly state: 'leading'; readonly ownership: Ownership }
  | { readonly state: 'following'; readonly leader: Leader }

export interface LeadershipOptions {
  readonly ledger: Ledger
  readonly environment: Environment
  /** Where the other servers reach this one. */
  readonly address: string
  readonly asksForTokens: boolean
  /** Told of each change, in order. */
  readonly onChange: (view: View) => void
  /** Told when the store could not be asked, and when it can be again. */
  readonly report: (message: string, error?: unknown) => void
}

/** The name is no namespace of users. */
const id = { namespace: '$servers', ledger: '$leader', shard: 0 }
const entryKey = 'leader'

/** How often a leader shows that it lives. */
const beatMs = 2_000
/** For so long a leader is seen to do nothing before another one takes its place. */
const silenceMs = 10_000
/** For so long after a beat its leader may be sure that nobody else leads, though clocks do not run equally fast. */
const sureMs = 8_000
const lookMs = 500
/** Several who see at once that nobody leads do not all take it. */
const spreadMs = 300
/** After its broker did not start, a server leaves it to others for so long. */
const pauseMs = 3_000

/** What a leader writes down with each beat. */
interface Entry {
  readonly epoch: number
  readonly beat: number
  readonly asksForTokens: boolean
  readonly resigned: boolean
}

interface Found {
  readonly owner: LedgerOwner | undefined
  /** What the owner has written down; `undefined` as long as it has not. */
  readonly entry: Entry | undefined
}

/**
 * Which of the servers on one store leads.
 *
 *   looking ──▶ following ◀───────────── replaced ─────────────┐
 *      │            │                                          │
 *      └────────────┴── nobody leads, or its leader is silent ─┴─▶ leading
 *
 * Who leads owns a ledger and commits a beat to it every two seconds. The others look, and take it over when its owner
 * has resigned, or when they have seen no new beat for ten seconds of their own monotonic clock, in which the store
 * answered them. Whoever becomes the owner has a higher epoch than everybody before, so that a store can tell who was
 * replaced; `isSure` says without asking it that nobody can have come.
 *
 * What is known of the leader never goes back to an earlier epoch, so servers that forward to the leader that they know
 * never forward in a circle.
 */
export class Leadership {
  readonly #options: LeadershipOptions
  readonly #stopping = new AbortController()
  #view: View = { state: 'looking' }
  #running: Promise<void> = Promise.resolve()
  #beat = 0
  #sureUntil = 0
  #seen: { readonly mark: string; readonly at: number } | undefined
  #notBefore = 0
  #hasLooked = false
  #isOutOfReach = false

  constructor(options: LeadershipOptions) {
    this.#options = options
  }

  get view(): View {
    return this.#view
  }

  /** Whether this server leads and nobody can have taken its place, as its own clock has it. */
  isSure(): boolean {
    return this.#view.state === 'leading' && this.#now() < this.#sureUntil
  }

  /** Looks once, takes what is free, and goes on by itself. Rejects where the store cannot be asked. */
  async start(): Promise<void> {
    await this.#turn()
    this.#running = this.#run()
  }

  /** Ends; whoever led says so, so that another one leads at once. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    await this.#resign()
  }

  /** Leaves it to others for a while. */
  async stepDown(): Promise<void> {
    this.#notBefore = this.#now() + pauseMs
    await this.#resign()
  }

  async #run(): Promise<void> {
    for (;;) {
      const delayMs = this.#view.state === 'leading' ? beatMs : lookMs
      await sleep(this.#options.environment, delayMs, this.#stopping.signal)
      if (this.#stopping.signal.aborted) return
      try {
        await this.#turn()
        if (this.#isOutOfReach) this.#options.report('The store answers again.')
        this.#isOutOfReach = false
      } catch (error) {
        // A leader that cannot be seen is not one that is silent.
        this.#seen = undefined
        if (!this.#isOutOfReach) this.#options.report('The store does not say who leads.', error)
        this.#isOutOfReach = true
      }
    }
  }

  async #turn(): Promise<void> {
    if (this.#view.state === 'leading') return void (await this.#show(this.#view.ownership))
    const isFirst = !this.#hasLooked
    const found = await this.#look()
    this.#hasLooked = true
    if (this.#now() < this.#notBefore || !this.#isDue(found, isFirst)) return
    if (!isFirst) {
      const { environment } = this.#options
      await sleep(environment, environment.random.next() * spreadMs, this.#stopping.signal)
      if ((await this.#look()).owner?.epoch !== found.owner?.epoch) return
    }
    if (!this.#stopping.signal.aborted) await this.#take()
  }

  /** Looks who leads, and remembers since when it has been seen to do nothing. */
  async #look(): Promise<Found> {
    const { ledger } = this.#options
    const owner = await ledger.owner(id)
    const [stored] = owner ? await ledger.load(id, {}, 1) : []
    const written = stored && (JSON.parse(stored.value) as Entry)
    const entry = written?.epoch === owner?.epoch ? written : undefined
    const mark = `${owner?.epoch} ${written?.epoch} ${written?.beat}`
    if (this.#seen?.mark !== mark) this.#seen = { mark, at: this.#now() }
    if (owner && !entry?.resigned) this.#follow(owner, entry)
    return { owner, entry }
  }

  #isDue({ owner, entry }: Found, isFirst: boolean): boolean {
    if (!owner || entry?.resigned) return true
    // It was the process before this one: this one listens where that one did.
    if (isFirst && owner.address === this.#options.address) return true
    return this.#seen !== undefined && this.#now() - this.#seen.at >= silenceMs
  }

  #follow({ epoch, address }: LedgerOwner, entry: Entry | undefined): void {
    const view = this.#view
    const asksForTokens = entry?.asksForTokens
    if (view.state === 'following') {
      const { leader } = view
      if (epoch < leader.epoch || (epoch === leader.epoch && asksForTokens === leader.asksForTokens)) return
    }
    this.#change({ state: 'following', leader: { epoch, address, asksForTokens } })
  }

  async #take(): Promise<void> {
    const { ledger, address } = this.#options
    const ownership = await ledger.own(id, { address })
    this.#beat = 0
    if (await this.#show(ownership)) this.#change({ state: 'leading', ownership })
  }

  /** Shows the others that this server lives; answers whether it leads. */
  async #show(ownership: Ownership): Promise<boolean> {
    const began = this.#now()
    this.#beat++
    if (!(await this.#write(ownership, false))) return false
    this.#sureUntil = began + sureMs
    return true
  }

  async #resign(): Promise<void> {
    if (this.#view.state !== 'leading') return
    const { ownership } = this.#view
    // First, so that no beat comes after it.
    this.#change({ state: 'looking' })
    // Those who cannot be told see its silence.
    await this.#write(ownership, true).catch(() => undefined)
  }

  async #write(ownership: Ownership, resigned: boolean): Promise<boolean> {
    const { ledger, asksForTokens } = this.#options
    const entry: Entry = { epoch: ownership.epoch, beat: this.#beat, asksForTokens, resigned }
    try {
      await ledger.commit(ownership, [{ key: entryKey, value: JSON.stringify(entry) }])
      return true
    } catch (error) {
      if (!(error instanceof TidingsError && error.code === 'ownership-lost')) throw error
      if (this.#view.state === 'leading') this.#change({ state: 'looking' })
      return false
    }
  }

  #change(view: View): void {
    this.#view = view
    this.#options.onChange(view)
  }

  #now(): number {
    return this.#options.environment.clock.monotonic()
  }
}
