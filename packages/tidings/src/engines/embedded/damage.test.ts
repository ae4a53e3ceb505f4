import { createHash, randomBytes } from 'node:crypto'
import { copyFile, cp, mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Engine, LogRecord } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { encodeEvent } from '../../event/index.ts'
import { mulberry32 } from '../../testing/index.ts'
import { embeddedEngine } from './index.ts'
import { codeOf, emptyFolder, type TestFolder } from './embedded.fixture.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const ledger = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }
let folder: TestFolder
let path: string

beforeEach(async () => {
  folder = await emptyFolder()
  path = folder.path
})
afterEach(() => folder.dispose())

const dataFile = () => join(path, 'data.mdb')
const start = () => codeOf(embeddedEngine({ path }))

/** A store with blocks of several sizes, tombstones of a trim, an index, producers, and ledger entries. */
async function fill(engine: Engine): Promise<void> {
  const random = mulberry32(7)
  await engine.start()
  await engine.log.create(topic, { kind: 'entity', shards: 1 })
  const ownership = await engine.ledger.own(ledger)
  for (let call = 0; call < 60; call++) {
    const requests = Array.from({ length: 1 + Math.floor(random() * 12) }, (_, index) => ({
      event: {
        id: `${call}/${index}`,
        source: '/crm',
        type: 'crm.customer.updated',
        key: `k${Math.floor(random() * 40)}`,
        data: new Uint8Array(randomBytes(Math.floor(random() ** 4 * 6_000))),
      },
      shard: 0,
      producer: { id: 'outbox', epoch: 1, counter: call * 100 + index },
    }))
    await engine.log.append(topic, requests)
    await engine.ledger.commit(ownership, [{ key: `e${call % 50}`, value: `value ${call}`.repeat(20) }])
  }
  await engine.log.trim(topic, 100)
  await engine.stop()
}

interface Content {
  /** Offset and digest of each record. */
  readonly records: readonly (readonly [number, string])[]
  readonly damaged: readonly number[]
  readonly entries: string
  readonly latest: string
  readonly head: number | undefined
}

function digestOf({ event, ...record }: LogRecord): string {
  return createHash('sha1').update(JSON.stringify(record)).update(encodeEvent(event)).digest('hex')
}

/** Everything that a store answers; a damaged part as the code of its error. */
async function contentOf(engine: Engine): Promise<Content> {
  const orCode = (read: () => Promise<string>): Promise<string> =>
    read().catch((error: unknown) => (error instanceof TidingsError ? error.code : Promise.reject(error)))
  const page = await engine.log.read(topic, { after: 0, limit: 10_000 })
  return {
    records: page.records.map((record) => [record.offset, digestOf(record)]),
    damaged: page.damaged,
    entries: await orCode(async () => JSON.stringify(await engine.ledger.load(ledger, {}, 1_000))),
    latest: await orCode(async () => (await engine.log.latest(topic, { limit: 1_000 })).records.map(digestOf).join()),
    head: (await engine.log.describe(topic))?.head,
  }
}

/** Requires that what a damaged store answers is right, reported as damaged, or an error. */
function expectHonest(found: Content, whole: Content): void {
  const damaged = new Set(found.damaged)
  const left = whole.records.filter(([offset]) => !damaged.has(offset))
  expect(found.records).toEqual(left)
  expect(found.head).toBe(whole.head)
  if (found.entries !== 'store-corrupt') expect(found.entries).toEqual(whole.entries)
  if (found.latest !== 'store-corrupt') expect(found.latest).toEqual(whole.latest)
}

describe('a damaged store', () => {
  it('answers an error or reports the damage for every flipped bit, and keeps the rest readable', async () => {
    const original = join(path, 'original')
    const engine = embeddedEngine({ path: original })
    await fill(engine)
    await engine.start()
    const whole = await contentOf(engine)
    await engine.stop()
    expect(whole.damaged).toEqual([])
    const bytes = await readFile(join(original, 'data.mdb'))
    const random = mulberry32(42)
    const seen = { refused: 0, reported: 0, harmless: 0 }
    for (let flip = 0; flip < Number(process.env['TIDINGS_FLIPS'] ?? 150); flip++) {
      const copy = join(path, String(flip))
      await cp(original, copy, { recursive: true })
      const changed = Buffer.from(bytes)
      // Half of them in the pages that hold everything together.
      const place = Math.floor(random() * (flip % 2 === 0 ? bytes.length : Math.min(bytes.length, 65_536)))
      changed[place]! ^= 1 << Math.floor(random() * 8)
      await writeFile(join(copy, 'data.mdb'), changed)
      const damaged = embeddedEngine({ path: copy })
      const refusal = await damaged.start().then(
        () => undefined,
        (error: unknown) => error,
      )
      if (refusal) {
        expect(refusal, `flip at ${place}`).toMatchObject({ code: 'store-corrupt' })
        seen.refused += 1
      } else {
        const found = await contentOf(damaged)
        expectHonest(found, whole)
        const isWhole = found.damaged.length === 0 && found.entries === whole.entries && found.latest === whole.latest
        seen[isWhole ? 'harmless' : 'reported'] += 1
        await damaged.stop()
      }
      await rm(copy, { recursive: true })
    }
    expect(seen.refused).toBeGreaterThan(0)
    expect(seen.reported).toBeGreaterThan(0)
  }, 600_000)

  it('loses one record to a damaged record, and no other', async () => {
    const engine = embeddedEngine({ path })
    await engine.start()
    await engine.log.create(topic, { kind: 'event', shards: 1 })
    const event = (id: string) => ({
      event: { id, source: '/crm', type: 't', data: new TextEncoder().encode(`payload ${id}`) },
      shard: 0,
    })
    await engine.log.append(topic, ['1', '2', '3'].map(event))
    await engine.stop()
    const bytes = await readFile(dataFile())
    const place = bytes.lastIndexOf('payload 2')
    bytes[place]! ^= 0x20
    await writeFile(dataFile(), bytes)
    await engine.start()
    const page = await engine.log.read(topic, { after: 0, limit: 10 })
    expect(page.records.map(({ offset }) => offset)).toEqual([1, 3])
    expect([page.damaged, page.until]).toEqual([[2], 3])
    // Publishing it again is what repairs it.
    expect(await engine.log.append(topic, ['2', '3'].map(event))).toEqual([
      { status: 'stored', offset: 4, stale: false },
      { status: 'duplicate', offset: 3 },
    ])
    await engine.stop()
  })

  it('is refused when it was cut off, at any length', async () => {
    await fill(embeddedEngine({ path }))
    const { size } = await stat(dataFile())
    await copyFile(dataFile(), join(path, 'whole'))
    for (const length of [
      0,
      1,
      23,
      100,
      4_096,
      4_200,
      8_192,
      12_288,
      Math.floor(size / 2),
      Math.floor(size / 2 / 4_096) * 4_096,
      size - 40_960,
    ]) {
      await copyFile(join(path, 'whole'), dataFile())
      await truncate(dataFile(), length)
      const refused = embeddedEngine({ path }).start()
      await expect(refused, `cut off at ${length}`).rejects.toMatchObject({
        code: 'store-corrupt',
        message: expect.stringMatching(
          /data\.mdb is damaged: .*Restore the folder from a backup; nothing in it was changed/,
        ),
      })
      expect((await stat(dataFile())).size).toBe(length)
    }
    await copyFile(join(path, 'whole'), dataFile())
    expect(await start()).toBe('started')
  })

  it('is refused when its data is missing, garbage or not ours, and stays as it is', async () => {
    await fill(embeddedEngine({ path }))
    for (const content of ['', 'not a database', randomBytes(50_000), Buffer.alloc(100_000)]) {
      await writeFile(dataFile(), content)
      await expect(embeddedEngine({ path }).start()).rejects.toMatchObject({
        code: 'store-corrupt',
        message: expect.stringMatching(/data\.mdb.*[Rr]estore .*from a backup/),
      })
      expect(await readFile(dataFile())).toEqual(Buffer.from(content))
    }
    await rm(dataFile())
    expect(await start()).toBe('store-corrupt')
    const foreign = join(path, 'foreign')
    await mkdir(foreign)
    await writeFile(join(foreign, 'data.mdb'), 'somebody else')
    expect(await codeOf(embeddedEngine({ path: foreign }))).toBe('store-corrupt')
    expect(await readFile(join(foreign, 'data.mdb'), 'utf8')).toBe('somebody else')
  })

  it('is refused when its folder is of another format or kind', async () => {
    await fill(embeddedEngine({ path }))
    const marker = join(path, 'tidings.json')
    await writeFile(marker, '{"store":"tidings-embedded","format":3,"complete":true}')
    expect(await start()).toBe('store-version')
    for (const content of ['', '{', 'null', '{"store":"other","format":2}']) {
      await writeFile(marker, content)
      expect(await start()).toBe('store-corrupt')
    }
    await writeFile(marker, '{"store":"tidings-embedded","format":2,"complete":true}')
    expect(await start()).toBe('started')
  })

  it('is closed again when it is refused after it was opened', async () => {
    await fill(embeddedEngine({ path }))
    const bytes = await readFile(dataFile())
    const place = bytes.lastIndexOf('"incarnation"')
    bytes[place + 1]! ^= 1
    await writeFile(dataFile(), bytes)
    expect(await start()).toBe('store-corrupt')
    bytes[place + 1]! ^= 1
    await writeFile(dataFile(), bytes)
    expect(await start()).toBe('started')
  })

  it('is not opened where a folder cannot be', async () => {
    await writeFile(join(path, 'file'), '')
    expect(await codeOf(embeddedEngine({ path: join(path, 'file') }))).toBe('store-failed')
    expect(await codeOf(embeddedEngine({ path: join(path, 'file', 'below') }))).toBe('store-failed')
    expect(await codeOf(embeddedEngine({ path: join(path, 'one', 'two', 'three') }))).toBe('started')
  })

  it('begins anew where the first start was interrupted', async () => {
    await writeFile(join(path, 'tidings.json'), '{"store":"tidings-embedded","format":2,"complete":false}')
    await writeFile(dataFile(), 'half of a file')
    expect(await start()).toBe('started')
  })

  it('says what is wrong, where, and what to do', async () => {
    await fill(embeddedEngine({ path }))
    await truncate(dataFile(), 40_960)
    await expect(embeddedEngine({ path }).start()).rejects.toThrow(
      /data\.mdb is damaged: page \d+ is missing.*Restore the folder from a backup/,
    )
  })
})
