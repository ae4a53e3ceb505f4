import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { emptyFolder, type TestFolder } from './embedded.fixture.ts'
import { embeddedEngine } from './index.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }

/** Appends until a write fails; says what was answered, and what came after. */
const appendScript = (options: string): string => `
  import { embeddedEngine } from 'tidings/engines/embedded'
  const topic = ${JSON.stringify(topic)}
  const engine = embeddedEngine({ path: process.argv[1], ${options} })
  await engine.start()
  await engine.log.create(topic, { kind: 'event', shards: 1 })
  const append = async (number) => {
    const event = { id: String(number), source: '/crm', type: 't', data: new Uint8Array(20000) }
    const [answer] = await engine.log.append(topic, [{ event, shard: 0 }])
    console.log('stored ' + answer.offset)
  }
  const refused = (error) => console.log('refused ' + error.code)
  for (let number = 1; number < 1000; number++) {
    const behind = append(number + 0.5).catch(refused)
    await append(number).catch(refused)
    await behind
    if (globalThis.failed) break
  }
  await engine.log.create({ ...topic, topic: 'other' }, { kind: 'event', shards: 1 }).catch(refused)
  const { refusing } = await engine.stats()
  console.log(refusing.includes('look at the disk') ? 'says why' : 'says nothing')
  await engine.stop()
  console.log('stopped')
`

let folder: TestFolder

beforeEach(async () => {
  folder = await emptyFolder()
})
afterEach(() => folder.dispose())

/** Files of this process cannot grow beyond 4 MB: writes fail, and not for want of room. */
const limited = { before: 'trap "" XFSZ; ulimit -f 4096' }

async function expectStored(lines: readonly string[]): Promise<void> {
  const engine = embeddedEngine({ path: folder.path })
  await engine.start()
  const { records } = await engine.log.read(topic, { after: 0, limit: 10_000 })
  const stored = lines.filter((line) => line.startsWith('stored')).map((line) => Number(line.slice(7)))
  expect(stored.length).toBeGreaterThan(50)
  expect(records.map(({ offset }) => offset)).toEqual(expect.arrayContaining(stored))
  expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index + 1))
  await engine.stop()
}

describe('a write that fails', () => {
  it('rejects everything as store-failed from then on, tells once, and leaves what was acknowledged', async () => {
    const options = `onFatal: (error) => { globalThis.failed = true; console.log('fatal ' + error.code) }`
    const { ended, lines } = folder.run(appendScript(options), limited)
    expect(await ended).toBe(0)
    const after = lines.slice(lines.findIndex((line) => !line.startsWith('stored')))
    expect(after.filter((line) => line === 'fatal store-failed')).toHaveLength(1)
    expect(after.at(-1)).toBe('stopped')
    expect(new Set(after)).toEqual(new Set(['fatal store-failed', 'refused store-failed', 'says why', 'stopped']))
    await expectStored(lines)
  })

  it('ends the process where nobody says otherwise', async () => {
    const { ended, lines } = folder.run(appendScript(''), { ...limited, quiet: true })
    expect(await ended).not.toBe(0)
    expect(lines).not.toContain('stopped')
    await expectStored(lines)
  })
})
