import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, systemEnvironment } from 'tidings'
import { allowAll, createBroker } from 'tidings/broker'
import { embeddedEngine, restoreStore } from 'tidings/engines/embedded'
import { fileSpool } from 'tidings/spool'
import { until } from '../spool.fixture.ts'
import { freeze, Frozen, spooled } from './freeze.fixture.ts'
import { caller, openScene, playsAt, topic } from './scene.fixture.ts'
import { expectAll, expectToGoOn } from './standing.fixture.ts'

/** What waits for data is looked at again after a minute, so a server that starts slowly must come before that. */
const soonMs = 30_000

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidings-formats-'))
})
afterAll(() => rm(folder, { recursive: true }))

const newFolder = async (): Promise<string> => join(await mkdtemp(join(folder, 'case-')), 'is')

/** Every version that is read, and what this one writes: with TIDINGS_FREEZE it is kept in the folder that that names. */
const versions = {
  'format 1': async () => new Frozen(join(import.meta.dirname, 'format-1')),
  'format 2': async () => new Frozen(join(import.meta.dirname, 'format-2')),
  'the format of this version': async () => {
    const into = process.env['TIDINGS_FREEZE'] ?? (await newFolder())
    await freeze(into)
    return new Frozen(into)
  },
}

describe.each(Object.entries(versions))('%s', (_, find) => {
  let frozen: Frozen
  beforeAll(async () => {
    frozen = await find()
  })

  it('of a store: everything that was promised is there, in order, and it goes on', async () => {
    const path = await newFolder()
    await frozen.thawStore(path)
    await using server = await openScene(path, playsAt + soonMs)
    await expectAll(server)
    await expectToGoOn(server, await frozen.notes())
  })

  it('of a backup: everything is there in another life, and it goes on', async () => {
    const path = await newFolder()
    await restoreStore({ path, backup: frozen.backup() })
    await using server = await openScene(path, playsAt + soonMs)
    await expectAll(server)
    await expectToGoOn(server, undefined)
  })

  it('of a spool: what it kept is sent, in order', async () => {
    await using server = await openScene(await newFolder(), playsAt)
    await server.broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
    const path = await newFolder()
    await frozen.thawSpool(path)
    await using remote = connect(server.url, { spool: fileSpool({ folder: path }), WebSocket: null })
    await remote.start()
    const sent = async (): Promise<string[]> =>
      (await server.broker.read(caller, { topic })).events.map(({ event }) => event.id)
    await until(async () => (await sent()).length >= spooled.length)
    expect(await sent()).toEqual(spooled)
  })
})

describe('a format that is newer than this version', () => {
  it('of a store is refused as such, and nothing of it is changed', async () => {
    const path = await newFolder()
    await new Frozen(join(import.meta.dirname, 'format-1')).thawStore(path)
    await writeFile(join(path, 'tidings.json'), '{"store":"tidings-embedded","format":3,"complete":true}\n')
    const before = await contents(path)
    await expect(openScene(path, playsAt)).rejects.toMatchObject({ code: 'store-version', details: { format: 3 } })
    expect(await contents(path)).toEqual(before)
  })

  it.each([
    ['whole', (bytes: Buffer) => bytes],
    // As it would look to this version where another one has a longer head.
    ['laid out otherwise', (bytes: Buffer) => bytes.fill(0xff, 4, 12)],
  ])('of a spool, %s, is refused as such, and nothing of it is cut off', async (_, rewrite) => {
    const path = await newFolder()
    await new Frozen(join(import.meta.dirname, 'format-1')).thawSpool(path)
    const file = join(path, '000000000001.spool')
    const bytes = await readFile(file)
    const [, second = 0] = [...bytes.toString('latin1').matchAll(/TSP/g)].map(({ index }) => index)
    bytes[second + 3] = 2
    rewrite(bytes.subarray(second))
    await writeFile(file, bytes.subarray(0, bytes.lastIndexOf('TSP')))
    const before = await contents(path)
    const spool = fileSpool({ folder: path })
    await expect(spool.open(systemEnvironment)).rejects.toMatchObject({ code: 'store-version', details: { format: 2 } })
    expect(await contents(path)).toEqual(before)
  })

  it('of the catalogue keeps a broker from starting, and lets go of the store', async () => {
    const path = await newFolder()
    const open = () => createBroker({ engine: embeddedEngine({ path }), authorize: allowAll })
    {
      await using broker = open()
      await broker.start()
    }
    const engine = embeddedEngine({ path })
    await engine.start()
    const ownership = await engine.ledger.own({ namespace: 'default', ledger: '$catalog', shard: 0 })
    await engine.ledger.commit(ownership, [{ key: 'topic/shop.order', value: '{"v":99}' }])
    await engine.stop()
    for (let times = 0; times < 2; times++) {
      await expect(open().start()).rejects.toMatchObject({ code: 'store-version' })
    }
  })
})

/** Every file but the lock of whoever looks. */
async function contents(path: string): Promise<Record<string, string>> {
  const names = (await readdir(path)).filter((name) => !name.includes('lock'))
  const files = names.map(async (name) => [name, (await readFile(join(path, name))).toString('base64')] as const)
  return Object.fromEntries(await Promise.all(files))
}
