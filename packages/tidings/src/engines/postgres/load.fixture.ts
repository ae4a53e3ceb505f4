import { TidingsError } from '../../errors.ts'
import type { Engine, LedgerId, LogRecord } from '../../engine/index.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const ledger: LedgerId = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

/** What is found at the end of a load that was disturbed. */
export interface LoadReport {
  readonly acknowledged: number
  /** What must not be; empty where everything held. */
  readonly violations: readonly string[]
}

/**
 * Writers, readers and the owner of a ledger on engines that share a store. A writer appends one event after the other
 * with a counter, and sends it again when nothing is known of it, as a relay does; an owner owns and loads again.
 */
export class Load {
  /** How many calls were rejected as `unavailable` up to now. */
  unavailable = 0
  readonly #acknowledged = new Map<string, number>()
  readonly #violations: string[] = []
  readonly #engines: readonly Engine[]
  #writing = true
  #reading = true
  #writers: readonly Promise<void>[] = []
  #readers: readonly Promise<readonly LogRecord[]>[] = []

  static async start(engines: readonly Engine[], writersOfEach: number): Promise<Load> {
    await engines[0]!.log.create(topic, { kind: 'event', shards: 1 })
    const load = new Load(engines)
    load.#run(writersOfEach)
    return load
  }

  private constructor(engines: readonly Engine[]) {
    this.#engines = engines
  }

  #run(writersOfEach: number): void {
    const writers = this.#engines.flatMap((engine, index) =>
      Array.from({ length: writersOfEach }, (_, writer) => this.#write(engine, `w${index}-${writer}`)),
    )
    this.#writers = [...writers, this.#own()]
    this.#readers = this.#engines.map((engine) => this.#follow(engine))
  }

  get acknowledged(): number {
    return this.#acknowledged.size
  }

  /** Ends the writers, lets the readers see everything, and compares. */
  async finish(): Promise<LoadReport> {
    this.#writing = false
    await Promise.all(this.#writers)
    this.#reading = false
    for (const seen of await Promise.all(this.#readers)) {
      this.#violations.push(...violationsOf(seen, this.#acknowledged))
    }
    return { acknowledged: this.acknowledged, violations: this.#violations }
  }

  /** Calls until it is answered. */
  async #persist<Result>(call: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await call()
      } catch (error) {
        this.#note(error)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

  #note(error: unknown): void {
    this.unavailable += 1
    const isKnown = error instanceof TidingsError && error.code === 'unavailable'
    if (!isKnown) this.#violations.push(`rejected: ${String(error)}`)
  }

  async #write(engine: Engine, writer: string): Promise<void> {
    for (let counter = 1; this.#writing; counter++) {
      const id = `${writer}/${counter}`
      const event = { id, source: '/crm', type: 't', key: writer, data: new Uint8Array(200) }
      const producer = { id: writer, epoch: 1, counter }
      const [answer] = await this.#persist(() => engine.log.append(topic, [{ event, shard: 0, producer }]))
      if (answer?.status === 'refused') this.#violations.push(`${id} was refused as ${answer.code}`)
      else this.#acknowledged.set(id, answer?.offset ?? 0)
    }
  }

  async #follow(engine: Engine): Promise<readonly LogRecord[]> {
    const seen: LogRecord[] = []
    for (let after = 0, last = false; !last;) {
      last = !this.#reading
      const page = await this.#persist(() => engine.log.read(topic, { after, limit: 100 }))
      seen.push(...page.records)
      if (page.damaged.length > 0) this.#violations.push(`damaged: ${page.damaged.join()}`)
      last &&= page.until === after
      after = page.until
    }
    return seen
  }

  /** Takes the ledger over through one engine after the other, and counts in it. */
  async #own(): Promise<void> {
    let known = 0
    for (let turn = 0; this.#writing; turn++) {
      const engine = this.#engines[turn % this.#engines.length]!
      const ownership = await this.#persist(() => engine.ledger.own(ledger))
      const [entry] = await this.#persist(() => engine.ledger.load(ledger, {}, 1))
      const found = Number(entry?.value ?? 0)
      // The last commit of before may have been made though nobody was told.
      if (found !== known && found !== known + 1) this.#violations.push(`the ledger is at ${found}, not at ${known}`)
      known = found
      try {
        for (let commits = 0; this.#writing && commits < 50; commits++) {
          await engine.ledger.commit(ownership, [{ key: 'n', value: String(known + 1) }])
          known += 1
        }
      } catch (error) {
        this.#note(error)
      }
    }
  }
}

/** What is wrong with a log as a reader has seen it. */
function* violationsOf(seen: readonly LogRecord[], acknowledged: ReadonlyMap<string, number>): Generator<string> {
  const offsets = new Map<string, number>()
  const counters = new Map<string, number>()
  for (const [index, { offset, event }] of seen.entries()) {
    if (offset !== index + 1) yield `place ${index + 1} has offset ${offset}`
    if (offsets.has(event.id)) yield `${event.id} is there twice`
    offsets.set(event.id, offset)
    const [writer, counter] = event.id.split('/') as [string, string]
    if (Number(counter) !== (counters.get(writer) ?? 0) + 1) yield `${event.id} stands behind ${counters.get(writer)}`
    counters.set(writer, Number(counter))
  }
  for (const [id, offset] of acknowledged) {
    if (!offsets.has(id)) yield `${id} was acknowledged and is missing`
    else if (offset !== 0 && offsets.get(id) !== offset) yield `${id} was acknowledged at ${offset}, it is elsewhere`
  }
}
