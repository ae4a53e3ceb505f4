import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AppendRequest, Engine, LedgerChange, LogRecord } from '../../engine/index.ts'
import type { Event } from '../../event/index.ts'
import { mulberry32, simulatedEnvironment } from '../../testing/index.ts'
import { memoryEngine } from '../memory/index.ts'
import { emptyFolder, type TestFolder } from './embedded.fixture.ts'
import { embeddedEngine } from './index.ts'
import { inspectFile } from './inspection.ts'

const ledger = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }
const topics = ['crm.customer', 'crm.note', 'crm.gone'].map((topic) => ({ namespace: 'default', topic }))
const kinds = ['entity', 'event', 'entity'] as const

type Random = () => number
const below = (random: Random, limit: number): number => Math.floor(random() * limit)

let folder: TestFolder

beforeEach(async () => {
  folder = await emptyFolder()
})
afterEach(() => folder.dispose())

/** What one step does to an engine; it answers what must be equal. */
type Step = (engine: Engine) => Promise<unknown>

function randomEvent(random: Random, known: Event[]): Event {
  if (known.length > 0 && random() < 0.15) {
    const again = known[below(random, known.length)]!
    return random() < 0.3 ? { ...again, data: new Uint8Array(3) } : again
  }
  const event: Event = {
    id: String(known.length),
    source: `/${below(random, 2)}`,
    type: random() < 0.1 ? 'crm.customer.deleted' : 'crm.customer.updated',
    ...(random() < 0.9 && { key: `k${below(random, 300)}` }),
    ...(random() < 0.4 && { sequence: String(below(random, 2_000)) }),
    ...(random() < 0.05 && { sourceepoch: 1 }),
    ...(random() < 0.9 && { data: new Uint8Array(below(random, random() < 0.05 ? 20_000 : 200)) }),
  }
  known.push(event)
  return event
}

function randomStep(random: Random, known: Event[], owner: { epoch: number }): Step {
  const place = below(random, topics.length)
  const topic = topics[place]!
  const choice = random()
  if (choice < 0.6) {
    const requests = Array.from({ length: below(random, 40) }, (_, index): AppendRequest => {
      const producer = { id: `p${below(random, 3)}`, epoch: below(random, 2), counter: known.length + index }
      return { event: randomEvent(random, known), shard: below(random, 4), ...(random() < 0.3 && { producer }) }
    })
    return (engine) => engine.log.append(topic, requests)
  }
  if (choice < 0.75) {
    const changes = Array.from({ length: below(random, 30) }, (): LedgerChange => ({
      key: `e${below(random, 100)}`,
      value: random() < 0.3 ? null : 'v'.repeat(below(random, 300)),
    }))
    return (engine) => engine.ledger.commit({ id: ledger, epoch: owner.epoch }, changes)
  }
  if (choice < 0.85) {
    const part = random()
    const keepEvery = 1 + below(random, 20)
    const tombstoneAgeMs = below(random, 100_000)
    return async (engine) => {
      const { head } = (await engine.log.describe(topic))!
      const now = (await engine.log.read(topic, { after: head - 1, limit: 1 })).records[0]?.appendedAt ?? 0
      await engine.log.trim(topic, Math.floor(head * part), {
        ...(part < 0.7 && {
          keep: Array.from({ length: Math.floor(head / keepEvery) }, (_, index) => index * keepEvery),
        }),
        ...(part > 0.3 && { tombstonesBefore: now - tombstoneAgeMs }),
      })
    }
  }
  if (choice < 0.9) {
    const key = `k${below(random, 300)}`
    return (engine) => engine.log.erase(topic, key)
  }
  if (choice < 0.93) {
    return async (engine) => {
      await engine.log.remove(topics[2]!)
      await engine.log.create(topics[2]!, { kind: kinds[2], shards: 4 })
    }
  }
  return async (engine) => {
    owner.epoch = (await engine.ledger.own(ledger)).epoch
    return owner.epoch
  }
}

/** Everything that a caller can see, without what two engines give by chance. */
async function viewOf(engine: Engine): Promise<unknown> {
  const view: unknown[] = [await engine.ledger.load(ledger, {}, 1_000), await engine.ledger.owner(ledger)]
  for (const topic of topics) {
    const { records, until, damaged } = await engine.log.read(topic, { after: 0, limit: 100_000 })
    const shard = (await engine.log.read(topic, { after: 10, limit: 50, shard: 2 })).records.map(digestOf)
    const { head, trimmed } = (await engine.log.describe(topic))!
    const producers = await Promise.all(['p0', 'p1', 'p2'].map((id) => engine.log.producer(topic, id)))
    const latest: string[] = []
    for (let cursor: string | undefined, more = true; more;) {
      const page = await engine.log.latest(topic, { limit: 40, ...(cursor !== undefined && { cursor }) })
      latest.push(...page.records.map(digestOf))
      cursor = page.next
      more = cursor !== undefined
    }
    view.push({
      topic,
      records: records.map(digestOf),
      until,
      damaged,
      shard,
      head,
      trimmed,
      producers,
      latest: latest.toSorted(),
    })
  }
  return view
}

function digestOf({ event, ...record }: LogRecord): string {
  const data = event.data && createHash('sha1').update(event.data).digest('hex').slice(0, 12)
  return JSON.stringify({ ...record, event: { ...event, data } })
}

describe('the embedded engine', () => {
  it.each([1, 2, 3, 4])('answers like the memory engine, restarts included (seed %i)', async (seed) => {
    const random = mulberry32(seed)
    const environment = simulatedEnvironment(seed)
    const deduplication = { maxIds: 100, maxAgeMs: 60_000 }
    const engines = [
      memoryEngine({ environment, deduplication }),
      embeddedEngine({ path: folder.path, environment, deduplication }),
    ]
    for (const engine of engines) {
      await engine.start()
      for (const [place, topic] of topics.entries()) await engine.log.create(topic, { kind: kinds[place]!, shards: 4 })
    }
    const owners = engines.map(() => ({ epoch: 0 }))
    const known: Event[] = []
    for (let count = 0; count < 120; count++) {
      const step = randomStep(random, known, owners[0]!)
      const answers = []
      for (const engine of engines)
        answers.push(await step(engine).catch((error: Error) => `${error.name} ${error.message}`))
      expect(answers[1], `step ${count}`).toEqual(answers[0])
      if (random() < 0.1) environment.jump(below(random, 50_000))
      if (random() < 0.1) {
        for (const engine of engines) {
          await engine.stop()
          await engine.start()
        }
      }
      if (count % 10 === 0) {
        const [wanted, found] = [await viewOf(engines[0]!), await viewOf(engines[1]!)]
        expect(found, `after step ${count}`).toEqual(wanted)
        inspectFile(`${folder.path}/data.mdb`)
      }
    }
    for (const engine of engines) await engine.stop()
  })
})
