import { TidingsError } from '../../errors.ts'
import type { Engine, LedgerId, LogRecord } from '../../engine/index.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const ledger: LedgerId = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

/** What is found at the end of a load that was disturbed. */
export interface LoadReport {
  readonly acknowledged: number
  /** How many calls were rejected in between, all of them as `unavailable`. */
  readonly unavailable: number
  /** What must not be; empty where everything held. */
  readonly violations: readonly string[]
}

export interface Load {
  readonly acknowledged: number
  readonly unavailable: number
  /** Ends the writers, lets the readers see everything, and compares. */
  finish(): Promise<LoadReport>
}

/**
 * Writers, readers and the owner of a ledger on engines that share a store. A writer appends one event after the other
 * with a counter, and sends it again when nothing is known of it, as a relay does; an owner owns and loads again.
 */
export async function startLoad(engines: readonly Engine[], writersOfEach: number): Promise<Load> {
  await engines[0]!.log.create(topic, { kind: 'event', shards: 1 })
  const acknowledged = new Map<string, number>()
  const violations: string[] = []
  let unavailable = 0
  let writing = true
  let reading = true

  /** Calls until it is answered. */
  const persist = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await call()
      } catch (error) {
        unavailable += 1
        if (!(error instanceof TidingsError && error.code === 'unavailable'))
          violations.push(`rejected: ${String(error)}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }
  const write = async (engine: Engine, writer: string): Promise<void> => {
    for (let counter = 1; writing; counter++) {
      const id = `${writer}/${counter}`
      const event = { id, source: '/crm', type: 't', key: writer, data: new Uint8Array(200) }
      const producer = { id: writer, epoch: 1, counter }
      const [answer] = await persist(() => engine.log.append(topic, [{ event, shard: 0, producer }]))
      if (answer?.status === 'refused') violations.push(`${id} was refused as ${answer.code}`)
      else acknowledged.set(id, answer?.offset ?? 0)
    }
  }
  const follow = async (engine: Engine): Promise<readonly LogRecord[]> => {
    const seen: LogRecord[] = []
    for (let after = 0, last = false; !last;) {
      last = !reading
      const page = await persist(() => engine.log.read(topic, { after, limit: 100 }))
      seen.push(...page.records)
      if (page.damaged.length > 0) violations.push(`damaged: ${page.damaged.join()}`)
      last &&= page.until === after
      after = page.until
    }
    return seen
  }
  const own = async (): Promise<void> => {
    let known = 0
    for (let turn = 0; writing; turn++) {
      const engine = engines[turn % engines.length]!
      const ownership = await persist(() => engine.ledger.own(ledger))
      const [entry] = await persist(() => engine.ledger.load(ledger, {}, 1))
      if (Number(entry?.value ?? 0) < known) violations.push(`the ledger is at ${entry?.value} and was at ${known}`)
      try {
        for (let commits = 0; writing && commits < 50; commits++) {
          await engine.ledger.commit(ownership, [{ key: 'n', value: String(known + 1) }])
          known += 1
        }
      } catch {
        unavailable += 1
      }
    }
  }

  const writers = engines.flatMap((engine, index) =>
    Array.from({ length: writersOfEach }, (_, writer) => write(engine, `w${index}-${writer}`)),
  )
  const readers = engines.map(follow)
  const owner = own()
  return {
    get acknowledged() {
      return acknowledged.size
    },
    get unavailable() {
      return unavailable
    },
    async finish() {
      writing = false
      await Promise.all([...writers, owner])
      reading = false
      for (const seen of await Promise.all(readers)) violations.push(...violationsOf(seen, acknowledged))
      return { acknowledged: acknowledged.size, unavailable, violations }
    },
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
