import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AppendRequest, Engine } from '../../engine/index.ts'
import { mulberry32, simulatedEnvironment } from '../../testing/index.ts'
import { emptyFolder, type TestFolder } from './embedded.fixture.ts'
import { embeddedEngine } from './index.ts'
import { inspectFile } from './inspection.ts'

const orders = { namespace: 'default', topic: 'shop.order' }
const customers = { namespace: 'default', topic: 'crm.customer' }
const keepEvery = 7

/**
 * Appends to both topics and trims them behind itself, and prints before each trim how far it goes, and after each call
 * what was acknowledged. Every seventh order is kept; customers have fifty keys.
 */
const trimScript = `
  import { embeddedEngine } from 'tidings/engines/embedded'
  const [orders, customers] = ${JSON.stringify([orders, customers])}
  const engine = embeddedEngine({ path: process.argv[1], deduplication: { maxIds: 40, maxAgeMs: 600000 } })
  await engine.start()
  let { head } = await engine.log.create(orders, { kind: 'event', shards: 1 })
  await engine.log.create(customers, { kind: 'entity', shards: 1 })
  const fill = async () => {
    for (;;) {
      const batch = Array.from({ length: 20 }, (_, index) => ({ shard: 0, event: {
        id: String(head + index + 1), source: '/x', type: 'x.updated', key: 'k' + (head + index + 1) % 50, data: new Uint8Array(2000)
      } }))
      await engine.log.append(orders, batch)
      await engine.log.append(customers, batch)
      head += 20
      process.stdout.write('head ' + head + '\\n')
    }
  }
  const trim = async () => {
    for (let before = 0; ; ) {
      const through = Math.max(0, head - 60)
      await new Promise((resolve) => setImmediate(resolve))
      if (through === before) continue
      before = through
      process.stdout.write('trim ' + through + '\\n')
      const keep = Array.from({ length: Math.floor(through / ${keepEvery}) }, (_, index) => (index + 1) * ${keepEvery})
      await engine.log.trim(orders, through, { keep })
      await engine.log.trim(customers, through)
    }
  }
  await Promise.all([fill(), trim()])
`

let folder: TestFolder

beforeEach(async () => {
  folder = await emptyFolder()
})
afterEach(() => folder.dispose())

describe('trim() of the embedded engine', () => {
  it('loses nothing that it should keep when its process is killed in the middle', async () => {
    const random = mulberry32(5)
    for (let kill = 0; kill < 8; kill++) {
      const trimming = folder.run(trimScript)
      await trimming.printed(30 + Math.floor(random() * 60))
      trimming.child.kill('SIGKILL')
      await trimming.ended
      const last = (what: string): number =>
        Number(trimming.lines.findLast((line) => line.startsWith(what))?.slice(what.length) ?? 0)
      const head = last('head ')
      const trimmed = last('trim ')
      expect(trimmed).toBeGreaterThan(keepEvery)

      inspectFile(join(folder.path, 'data.mdb'))
      const engine = embeddedEngine({ path: folder.path, deduplication: { maxIds: 40, maxAgeMs: 600_000 } })
      await engine.start()
      const wanted = Array.from({ length: head }, (_, index) => index + 1)
      await expectKept(engine, { head, wanted: wanted.filter((each) => each > trimmed || each % keepEvery === 0) })
      // The next one finishes it.
      await engine.log.trim(orders, trimmed, { keep: [keepEvery] })
      const { records } = await engine.log.read(orders, { after: 0, limit: 1_000_000 })
      const left = records.map(({ offset }) => offset).filter((offset) => offset <= trimmed)
      expect(left).toEqual([keepEvery])
      await engine.stop()
      await folder.dispose()
      folder = await emptyFolder()
    }
  })

  it.each(['event', 'entity'] as const)(
    'keeps a log of %s kind under retention from growing',
    { timeout: 120_000 },
    async (kind) => {
      const environment = simulatedEnvironment(3)
      const engine = embeddedEngine({
        path: folder.path,
        environment,
        deduplication: { maxIds: 500, maxAgeMs: 60_000 },
      })
      await engine.start()
      await engine.log.create(orders, { kind, shards: 1 })
      const random = mulberry32(9)
      const round = async (): Promise<void> => {
        for (let call = 0; call < 10; call++) {
          await engine.log.append(
            orders,
            Array.from({ length: 50 }, () => randomRequest(random)),
          )
        }
        environment.jump(10_000)
        const { head } = (await engine.log.describe(orders))!
        const keep = [head - 5_000, head - 2_500].filter((offset) => offset > 0)
        await engine.log.trim(orders, head - 1_000, { keep })
      }
      const bytes = async (): Promise<number> => (await stat(join(folder.path, 'data.mdb'))).size
      for (let count = 0; count < 20; count++) await round()
      const early = await bytes()
      for (let count = 0; count < 60; count++) await round()
      const late = await bytes()
      // Sixty rounds stored 60 MB more; what is held at any time is 3 MB.
      expect(late).toBeLessThan(early * 1.25)
      await engine.stop()
      inspectFile(join(folder.path, 'data.mdb'))
    },
  )
})

let ids = 0

/** An order of one of a hundred keys with 2 KB that do not compress. */
function randomRequest(random: () => number): AppendRequest {
  ids += 1
  const data = Uint8Array.from({ length: 2_000 }, () => Math.floor(random() * 256))
  const event = { id: `r${ids}`, source: '/shop', type: 'shop.updated', key: `k${Math.floor(random() * 100)}`, data }
  return { event, shard: 0 }
}

async function expectKept(
  engine: Engine,
  { head, wanted }: { head: number; wanted: readonly number[] },
): Promise<void> {
  const { records, damaged } = await engine.log.read(orders, { after: 0, limit: 1_000_000 })
  expect(damaged).toEqual([])
  const found = new Set(records.filter(({ event }) => event.data?.length === 2_000).map(({ offset }) => offset))
  expect(wanted.filter((offset) => !found.has(offset))).toEqual([])
  const latest = await engine.log.latest(customers, { limit: 100 })
  const newest = latest.records.map(({ offset }) => offset)
  expect(newest.length).toBe(Math.min(50, (await engine.log.describe(customers))!.head))
  expect(Math.min(...newest)).toBeGreaterThan(head - 60)
  await engine.log.trim(customers, head)
  expect((await engine.log.latest(customers, { limit: 100 })).records).toEqual(latest.records)
}
