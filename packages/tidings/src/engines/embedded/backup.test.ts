import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AppendRequest, Engine } from '../../engine/index.ts'
import { checkBackup, embeddedEngine, restoreStore } from './index.ts'
import { codeOf, emptyFolder, type TestFolder } from './embedded.fixture.ts'

const topic = { namespace: 'default', topic: 'sales.order' }
const ledger = { namespace: 'default', ledger: 'mail.thanks', shard: 0 }

let folder: TestFolder
let engine: Engine
const path = (name: string): string => join(folder.path, name)

beforeEach(async () => {
  folder = await emptyFolder()
  engine = embeddedEngine({ path: path('store') })
  await engine.start()
  await engine.log.create(topic, { kind: 'event', shards: 1 })
})
afterEach(async () => {
  await engine.stop()
  await folder.dispose()
})

function eventOf(number: number): AppendRequest {
  const producer = { id: 'sales:0', epoch: 1, counter: number }
  return {
    event: { id: `e${number}`, source: 'sales', type: 'order', data: Buffer.from(`{"n":${number}}`) },
    shard: 0,
    producer,
  }
}

const append = (...numbers: number[]) => engine.log.append(topic, numbers.map(eventOf))

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

const backup = async (): Promise<Buffer> => bytesOf(engine.backup!())

async function restored(bytes: Uint8Array, name = 'restored', pieceBytes = 4_096): Promise<Engine> {
  await restoreStore({ backup: inPieces(bytes, pieceBytes), path: path(name) })
  const other = embeddedEngine({ path: path(name) })
  await other.start()
  return other
}

async function idsIn(other: Engine): Promise<string[]> {
  const ids: string[] = []
  for (let after = 0; ;) {
    const page = await other.log.read(topic, { after, limit: 1_000 })
    ids.push(...page.records.map(({ event }) => event.id))
    if (page.until === after) return ids
    after = page.until
  }
}

describe('backup()', () => {
  it('taken while others write has everything that was acknowledged before, and of all later only a beginning', async () => {
    await engine.ledger.own(ledger)
    let written = 0
    const ownership = await engine.ledger.own(ledger)
    let writing = true
    const load = (async () => {
      while (writing) {
        const numbers = Array.from({ length: 50 }, () => ++written)
        await Promise.all([
          append(...numbers),
          engine.ledger.commit(ownership, [{ key: 'written', value: String(written) }]),
        ])
      }
    })()
    while (written < 5_000) await new Promise((resolve) => setImmediate(resolve))
    const before = (await engine.log.describe(topic))!.head
    const bytes = await backup()
    writing = false
    await load

    const other = await restored(bytes)
    const ids = await idsIn(other)
    expect(ids.length).toBeGreaterThanOrEqual(before)
    expect(ids).toEqual(ids.map((_, index) => `e${index + 1}`))
    // What was written in one turn is in one commit: the ledger says what the log has.
    expect(await other.ledger.load(ledger, {}, 10)).toEqual([{ key: 'written', value: String(ids.length) }])
    expect(await other.log.producer(topic, 'sales:0')).toEqual({ epoch: 1, counter: ids.length })
    await other.stop()
  })

  it('leaves nothing on the disk, also when its reader ends early', async () => {
    await append(1)
    await backup()
    for await (const piece of engine.backup!()) {
      expect(piece.length).toBeGreaterThan(0)
      break
    }
    expect((await readdir(path('store'))).filter((name) => name.startsWith('copy.'))).toEqual([])
  })

  it('of a process that ended in the middle leaves nothing behind the next start', async () => {
    await engine.stop()
    await writeFile(join(path('store'), 'copy.left'), 'half')
    await engine.start()
    expect(await readdir(path('store'))).not.toContain('copy.left')
  })

  it('that is not whole is found out, wherever it was cut short and whichever byte was changed', async () => {
    await append(1, 2, 3)
    const bytes = await backup()
    expect(await bytesOf(checkBackup(inPieces(bytes, 1_000)))).toEqual(bytes)
    const damaged = [
      ...[0, 1, 50, 200, 4_096, bytes.length - 66, bytes.length - 65, bytes.length - 1].map((end) =>
        bytes.subarray(0, end),
      ),
      ...[30, 100, 5_000, bytes.length - 70, bytes.length - 20].map((place) => {
        const changed = Buffer.from(bytes)
        changed[place]! ^= 1
        return changed
      }),
      Buffer.concat([bytes, Buffer.of(10)]),
    ]
    for (const [index, each] of damaged.entries()) {
      for (const look of [
        () => restoreStore({ backup: inPieces(each, 777), path: path(`damaged-${index}`) }),
        () => bytesOf(checkBackup(inPieces(each, 777))),
      ]) {
        await expect(look(), `damage ${index}`).rejects.toMatchObject({
          code: expect.stringMatching(/^store-(corrupt|version)$/),
        })
      }
    }
  })
})

describe('restoreStore()', () => {
  it('begins another life of every topic, which says where the one before ended in the backup', async () => {
    await append(1, 2, 3)
    const first = (await engine.log.describe(topic))!
    const bytes = await backup()
    await append(4)
    const once = await restored(bytes, 'once')
    const second = (await once.log.describe(topic))!
    expect(second).toMatchObject({ head: 3, continues: [{ incarnation: first.incarnation, through: 3 }] })
    expect(second.incarnation).not.toBe(first.incarnation)
    await once.log.append(topic, [eventOf(5)])
    const twice = await restored(await bytesOf(once.backup!()), 'twice')
    expect(await twice.log.describe(topic)).toMatchObject({
      head: 4,
      continues: [...second.continues!, { incarnation: second.incarnation, through: 4 }],
    })
    await Promise.all([once.stop(), twice.stop()])
  })

  it('gives ledgers epochs that the life before never reached, so that its leases mean nothing', async () => {
    await engine.ledger.own(ledger)
    const bytes = await backup()
    let lost = 0
    for (let restart = 0; restart < 5; restart++) lost = (await engine.ledger.own(ledger)).epoch
    const other = await restored(bytes)
    expect((await other.ledger.own(ledger)).epoch).toBeGreaterThan(lost + 1_000_000)
    await other.stop()
  })

  it('replaces no store, and not one that somebody uses', async () => {
    await append(1)
    const bytes = await backup()
    const over = () => restoreStore({ backup: inPieces(bytes, 4_096), path: path('store') })
    await expect(over()).rejects.toMatchObject({ code: 'store-locked' })
    await engine.stop()
    await expect(over()).rejects.toMatchObject({ code: 'store-locked' })
    await engine.start()
    expect(await idsIn(engine)).toEqual(['e1'])
  })

  it('that was cut short leaves a folder that is no store until it is restored again', async () => {
    await append(1)
    const bytes = await backup()
    const cut = restoreStore({ backup: inPieces(bytes.subarray(0, 20_000), 4_096), path: path('restored') })
    await expect(cut).rejects.toMatchObject({ code: 'store-corrupt' })
    expect(await codeOf(embeddedEngine({ path: path('restored') }))).toBe('store-corrupt')
    const other = await restored(bytes)
    expect(await idsIn(other)).toEqual(['e1'])
    await other.stop()
  })
})

describe('the format of a store', () => {
  it('that is newer is refused, and the store stays as it was to the byte', async () => {
    await append(1)
    await engine.stop()
    const marker = join(path('store'), 'tidings.json')
    await writeFile(marker, (await readFile(marker, 'utf8')).replace('"format":2', '"format":3'))
    const before = await contents(path('store'))
    expect(await codeOf(embeddedEngine({ path: path('store') }))).toBe('store-version')
    expect(await contents(path('store'))).toEqual(before)
  })

  it('that is newer is refused in a backup too', async () => {
    const bytes = await backup()
    const line = bytes.subarray(0, bytes.indexOf(10)).toString().replace('"format":2', '"format":3')
    const newer = Buffer.concat([Buffer.from(line), bytes.subarray(bytes.indexOf(10))])
    await expect(restoreStore({ backup: inPieces(newer, 4_096), path: path('newer') })).rejects.toMatchObject({
      code: 'store-version',
    })
    expect(await codeOf(embeddedEngine({ path: path('newer') }))).toBe('started')
  })
})

async function contents(store: string): Promise<Record<string, string>> {
  const names = (await readdir(store)).filter((name) => name !== 'data.mdb-lock').toSorted()
  const read = async (name: string): Promise<[string, string]> => [
    name,
    (await readFile(join(store, name))).toString('base64'),
  ]
  return Object.fromEntries(await Promise.all(names.map(read)))
}
