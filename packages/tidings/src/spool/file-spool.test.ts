import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { smallDisk } from '@tidings/tools/small-disk'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SpooledPlace } from '../client/index.ts'
import { systemEnvironment } from '../environment/index.ts'
import { fileSpool, type FileSpool, type FileSpoolOptions } from './index.ts'

const caller = { namespace: 'default', principal: 'tester' }
const opened: FileSpool[] = []
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidings-spool-'))
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((spool) => spool.close()))
  await rm(folder, { recursive: true })
})

async function open(options: Partial<FileSpoolOptions> = {}) {
  const spool = fileSpool({ folder, ...options })
  const places = await spool.open(systemEnvironment)
  opened.push(spool)
  return { spool, places }
}

function batch(...ids: string[]) {
  const events = ids.map((id, index) => ({
    event: { id, source: 's', type: 't', key: 'k', data: new Uint8Array(100) },
    producer: { id: 'p', epoch: 1, counter: Number(id) || index + 1 },
  }))
  return { caller, topic: 'things.odd', events }
}

/** The ids of what a new life finds. */
async function left(options: Partial<FileSpoolOptions> = {}): Promise<string[]> {
  await Promise.all(opened.splice(0).map((spool) => spool.close()))
  const { spool, places } = await open(options)
  const batches = await Promise.all(places.map((place) => spool.read(place)))
  return batches.flatMap(({ events }) => events.map(({ event }) => event.id))
}

async function onlyFile(): Promise<string> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.spool'))
  expect(files).toHaveLength(1)
  return join(folder, files[0]!)
}

describe('a spool', () => {
  it('gives back what was put in, in order, with every attribute and stamp, to the next life', async () => {
    const { spool } = await open()
    await spool.append(batch('1', '2'))
    await spool.append(batch('3'))
    await spool.close()
    const { spool: next, places } = await open()
    expect(places.map(({ topic, events }) => [topic, events])).toEqual([
      ['things.odd', 2],
      ['things.odd', 1],
    ])
    expect(await next.read(places[0]!)).toEqual(batch('1', '2'))
    expect(next.stats().events).toBe(3)
  })

  it('does not give back what was removed, and takes no room for it', async () => {
    const { spool } = await open({ maxBytes: 8_000 })
    for (let round = 1; round <= 50; round++) {
      const kept = await spool.append(batch(`${round}`))
      const removed = await spool.append(batch(`${round + 100}`))
      await spool.remove([removed])
      if (round < 50) await spool.remove([kept])
    }
    expect(spool.stats().events).toBe(1)
    expect(await left()).toEqual(['50'])
  })

  it.each([
    [
      'cut at any byte',
      async (file: string, from: number, to: number) => truncate(file, from + Math.floor((to - from) / 2)),
    ],
    ['cut in its head', async (file: string, from: number) => truncate(file, from + 5)],
    [
      'zeros',
      async (file: string, from: number, to: number) => {
        await truncate(file, from)
        await appendFile(file, Buffer.alloc(to - from))
      },
    ],
  ])('cuts a last write that is not whole (%s) and keeps everything before it', async (_, tear) => {
    const { spool } = await open()
    await spool.append(batch('1'))
    await spool.append(batch('2'))
    const file = await onlyFile()
    const { size } = await stat(file)
    await spool.append(batch('3'))
    await spool.close()
    await tear(file, size, (await stat(file)).size)
    expect(await left()).toEqual(['1', '2'])
    expect((await stat(file)).size).toBe(size)
    await opened[0]!.append(batch('4'))
    expect(await left()).toEqual(['1', '2', '4'])
  })

  it('refuses to open when something is damaged before its end, naming the file, and changes nothing', async () => {
    const { spool } = await open()
    await spool.append(batch('1'))
    await spool.append(batch('2'))
    await spool.close()
    const file = await onlyFile()
    const bytes = await readFile(file)
    bytes[60]! ^= 1
    await writeFile(file, bytes)
    await expect(fileSpool({ folder }).open(systemEnvironment)).rejects.toMatchObject({
      code: 'store-corrupt',
      message: expect.stringContaining(file),
    })
    expect(await readFile(file)).toEqual(bytes)
  })

  it('refuses what is more than it may hold, keeps what it has, and takes more when there is room', async () => {
    const { spool, places } = await open({ maxBytes: 2_000 })
    expect(places).toEqual([])
    const kept: SpooledPlace[] = []
    let refusal: unknown
    while (!refusal) {
      const id = `${kept.length + 1}`
      await spool.append(batch(id)).then(
        (place) => kept.push(place),
        (error: unknown) => (refusal = error),
      )
    }
    expect(refusal).toMatchObject({
      code: 'spool-full',
      retryable: true,
      message: expect.stringMatching(/is full \(\d+ of 2000 bytes\).*was not kept\. Publish it again later/),
    })
    expect(kept.length).toBeGreaterThan(2)
    await spool.remove(kept.slice(0, 3))
    await spool.append(batch('again'))
    expect(await left()).toEqual([...kept.slice(3).map((_, index) => `${index + 4}`), 'again'])
  })

  it('refuses on a full disk, leaves nothing in half, and goes on when there is room', async (context) => {
    const { path, free } = await smallDisk(context)
    const spool = fileSpool({ folder: join(path, 'spool'), maxBytes: 8_000_000 })
    await spool.open(systemEnvironment)
    opened.push(spool)
    let stored = 0
    let refusal: unknown
    while (!refusal) {
      const ids = Array.from({ length: 100 }, (_, index) => `${stored * 100 + index}`)
      await spool.append(batch(...ids)).then(
        () => stored++,
        (error: unknown) => (refusal = error),
      )
    }
    expect(refusal).toMatchObject({ code: 'spool-full' })
    await free()
    // More than fits into the file that was being written.
    const last = Array.from({ length: 8_000 }, (_, index) => `last${index}`)
    await spool.append(batch(...last))
    await spool.close()
    const places = await spool.open(systemEnvironment)
    expect(places).toHaveLength(stored + 1)
    expect((await spool.read(places.at(-1)!)).events.map(({ event }) => event.id)).toEqual(last)
  })

  it('belongs to one client at a time', async () => {
    const { spool } = await open()
    await expect(fileSpool({ folder }).open(systemEnvironment)).rejects.toMatchObject({
      code: 'store-locked',
      message: `The spool in ${folder} is in use by another client of this process (${process.pid}); stop it, or choose another path.`,
    })
    await spool.close()
    await open()
  })

  it('keeps refused events as lines that people can read', async () => {
    const { spool } = await open()
    const { event } = batch('1').events[0]!
    const refused = {
      namespace: 'default',
      topic: 'things.odd',
      code: 'schema-violation',
      message: 'no',
      event,
    } as const
    await spool.refuse(refused)
    await appendFile(join(folder, 'refused.jsonl'), '{"half')
    await spool.refuse(refused)
    const lines = (await readFile(join(folder, 'refused.jsonl'), 'utf8')).split('\n')
    expect(lines).toHaveLength(4)
    expect(JSON.parse(lines[2]!)).toMatchObject({ code: 'schema-violation', event: { id: '1', partitionkey: 'k' } })
  })
})
