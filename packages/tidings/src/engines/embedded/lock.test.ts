import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { codeOf, emptyFolder, type TestFolder } from './embedded.fixture.ts'
import { embeddedEngine } from './index.ts'

const holdScript = `
  import { embeddedEngine } from 'tidings/engines/embedded'
  const engine = embeddedEngine({ path: process.argv[1] })
  await engine.start()
  console.log('started')
  setInterval(() => {}, 1000)
`

let folder: TestFolder
let path: string

beforeEach(async () => {
  folder = await emptyFolder()
  path = folder.path
})
afterEach(() => folder.dispose())

describe('the lock of a folder', () => {
  it('refuses a second engine of the same process, naming pid and path', async () => {
    const first = embeddedEngine({ path })
    await first.start()
    const refused = embeddedEngine({ path }).start()
    await expect(refused).rejects.toMatchObject({ code: 'store-locked', details: { path, pid: process.pid } })
    await expect(refused).rejects.toThrow(
      `The store in ${path} is in use by another engine of this process (${process.pid})`,
    )
    await first.stop()
    expect(await codeOf(embeddedEngine({ path }))).toBe('started')
  })

  it('refuses a second process until the first has ended, even by SIGKILL', async () => {
    const holder = folder.run(holdScript)
    await holder.printed(1)
    const refused = embeddedEngine({ path }).start()
    await expect(refused).rejects.toMatchObject({ code: 'store-locked', details: { path, pid: holder.child.pid } })
    await expect(refused).rejects.toThrow(
      `The store in ${path} is in use by process ${holder.child.pid}; stop it, or choose another path.`,
    )
    // The first one goes on: nobody has touched its store.
    expect(holder.lines).toEqual(['started'])
    expect(holder.child.exitCode).toBeNull()
    holder.child.kill('SIGKILL')
    await holder.ended
    expect(await codeOf(embeddedEngine({ path }))).toBe('started')
  })

  it('lets exactly one of many that start at once have a folder, stale lock or not', async () => {
    for (const stale of [undefined, '{"id":"x","pid":999999999,"startedAt":"1","boot":"b"}', 'half a lo']) {
      if (stale !== undefined) await writeFile(join(path, 'lock.stale'), stale)
      const engines = Array.from({ length: 8 }, () => embeddedEngine({ path }))
      const outcomes = await Promise.allSettled(engines.map((engine) => engine.start()))
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      await Promise.all(engines.map((engine) => engine.stop()))
      expect((await readdir(path)).filter((name) => name.includes('lock.'))).toEqual([])
    }
  })

  it('takes over the lock of a process whose number belongs to another one now', async () => {
    const engine = embeddedEngine({ path })
    await engine.start()
    const name = (await readdir(path)).find((file) => file.startsWith('lock.'))!
    const lock = JSON.parse(await readFile(join(path, name), 'utf8')) as { startedAt: string | null }
    await engine.stop()
    // Elsewhere than on Linux nobody says when a process started, and its number has to do.
    const expected = lock.startedAt === null ? 'store-locked' : 'started'
    await writeFile(join(path, name), JSON.stringify({ ...lock, startedAt: '1' }))
    expect(await codeOf(embeddedEngine({ path }))).toBe(expected)
  })

  it('is let go of when the start fails', async () => {
    await writeFile(join(path, 'data.mdb'), 'not ours')
    expect(await codeOf(embeddedEngine({ path }))).toBe('store-corrupt')
    expect((await readdir(path)).sort()).toEqual(['data.mdb'])
  })
})
