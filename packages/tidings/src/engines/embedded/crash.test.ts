import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mulberry32 } from '../../testing/index.ts'
import { emptyFolder, type TestFolder } from './embedded.fixture.ts'
import { embeddedEngine } from './index.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const ledger = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }

/** Appends and commits as fast as it can and prints each once it was acknowledged, in order. */
const writeScript = `
  import { embeddedEngine } from 'tidings/engines/embedded'
  const topic = ${JSON.stringify(topic)}
  const engine = embeddedEngine({ path: process.argv[1] })
  await engine.start()
  const { head } = await engine.log.create(topic, { kind: 'entity', shards: 1 })
  const ownership = await engine.ledger.own(${JSON.stringify(ledger)})
  let next = head
  const write = async () => {
    for (;;) {
      const number = (next += 1)
      const event = { id: String(number), source: '/crm', type: 'crm.customer.updated', key: 'k' + (number % 50), data: new Uint8Array(300) }
      const producer = { id: 'outbox', epoch: ownership.epoch, counter: number }
      const appended = engine.log.append(topic, [{ event, shard: 0, producer }])
      const committed = engine.ledger.commit(ownership, [{ key: 'n' + number, value: String(number) }])
      const [answer] = await appended
      await committed
      if (answer.status !== 'stored') throw new Error(JSON.stringify(answer))
      process.stdout.write(number + '\\n')
    }
  }
  console.log('started')
  await Promise.all(Array.from({ length: 32 }, write))
`

let folder: TestFolder
let path: string

beforeEach(async () => {
  folder = await emptyFolder()
  path = folder.path
})
afterEach(() => folder.dispose())

describe('a process that was killed', () => {
  it('leaves everything that it acknowledged, and nothing in half', async () => {
    const random = mulberry32(11)
    const acknowledged = new Set<string>()
    for (let kill = 0; kill < 6; kill++) {
      const writer = folder.run(writeScript)
      await writer.printed(1 + Math.floor(random() * 400))
      writer.child.kill('SIGKILL')
      await writer.ended
      for (const line of writer.lines.slice(1)) acknowledged.add(line)

      const engine = embeddedEngine({ path })
      await engine.start()
      const { records, damaged } = await engine.log.read(topic, { after: 0, limit: 1_000_000 })
      const stored = new Set(records.map(({ event }) => event.id))
      const entries = new Set((await engine.ledger.load(ledger, {}, 1_000_000)).map(({ value }) => value))
      expect(damaged).toEqual([])
      expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index + 1))
      expect([...acknowledged].filter((id) => !stored.has(id) || !entries.has(id))).toEqual([])
      const { head } = (await engine.log.describe(topic))!
      expect((await engine.log.producer(topic, 'outbox'))?.counter).toBe(head)
      const newest = (await engine.log.latest(topic, { limit: 100 })).records.map(({ offset }) => offset)
      expect(newest.toSorted((left, right) => left - right)).toEqual(
        Array.from({ length: Math.min(50, head) }, (_, index) => head - Math.min(50, head) + index + 1),
      )
      await engine.stop()
    }
    expect(acknowledged.size).toBeGreaterThan(100)
  })
})
