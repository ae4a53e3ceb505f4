import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { connect } from 'tidings'
import { fileSpool } from 'tidings/spool'
import { caller, encode, openScene, playScene, playsAt, topic, type SceneNotes } from './scene.fixture.ts'

const marker = 'tidings.json'
const dataFile = 'data.mdb'
const segment = '000000000001.spool'

export const spooled = ['first', 'second', 'third']

/** Keeps a store, a backup and a spool, as this version writes them. */
export async function freeze(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const path = await mkdtemp(join(tmpdir(), 'tidings-freeze-'))
  try {
    const server = await openScene(join(path, 'store'), playsAt)
    const notes = await playScene(server)
    const backup = await (await fetch(`${server.url}/backup`)).arrayBuffer()
    await server.stop()
    await copyFile(join(path, 'store', marker), join(folder, marker))
    const store = await readFile(join(path, 'store', dataFile))
    await writeFile(join(folder, `${dataFile}.gz`), gzipSync(store, { level: 9 }))
    await writeFile(join(folder, 'backup.gz'), gzipSync(Buffer.from(backup), { level: 9 }))
    await writeFile(join(folder, 'notes.json'), `${JSON.stringify(notes)}\n`)
    await fillSpool(join(path, 'spool'))
    await copyFile(join(path, 'spool', segment), join(folder, segment))
  } finally {
    await rm(path, { recursive: true })
  }
}

async function fillSpool(folder: string): Promise<void> {
  const unreachable = (): Promise<never> => Promise.reject(new TypeError('There is no network.'))
  const broker = connect('http://127.0.0.1:9', { spool: fileSpool({ folder }), WebSocket: null, fetch: unreachable })
  for (const id of spooled) {
    const event = { id, source: '/shop', type: topic, key: 'a', data: encode({ id }) }
    await broker.publish(caller, { topic, events: [{ event }] })
  }
  await broker.stop()
}

/** What was kept in a folder, as its user finds it again. */
export class Frozen {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async notes(): Promise<SceneNotes> {
    return JSON.parse(await readFile(join(this.#folder, 'notes.json'), 'utf8')) as SceneNotes
  }

  async thawStore(path: string): Promise<void> {
    await mkdir(path)
    await copyFile(join(this.#folder, marker), join(path, marker))
    await writeFile(join(path, dataFile), gunzipSync(await readFile(join(this.#folder, `${dataFile}.gz`))))
  }

  async *backup(): AsyncGenerator<Uint8Array> {
    yield gunzipSync(await readFile(join(this.#folder, 'backup.gz')))
  }

  async thawSpool(path: string): Promise<void> {
    await mkdir(path)
    await copyFile(join(this.#folder, segment), join(path, segment))
  }
}
