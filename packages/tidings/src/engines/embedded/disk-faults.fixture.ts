import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { notRun } from '@tidings/tools/not-run'
import type { RoundFigures } from '@tidings/tools/torture-rounds'
import { expect } from 'vitest'
import { mulberry32 } from '../../testing/index.ts'
import { emptyFolder, type TestFolder } from './embedded.fixture.ts'
import { embeddedEngine } from './index.ts'

const topic = { namespace: 'default', topic: 'crm.customer' }
const ledger = { namespace: 'default', ledger: 'marketing.customer', shard: 0 }
const waves = 12
const writes = 'pwrite64,pwritev,writev'

/** Each with the highest number of the system call, on the store's file, that the workload surely makes. */
export const diskFaults = {
  'EIO on fsync': { calls: 'fdatasync', error: 'EIO', highest: 12, times: 1 },
  'EIO on write': { calls: writes, error: 'EIO', highest: 30, times: 1 },
  'no room': { calls: writes, error: 'ENOSPC', highest: 30, times: 6 },
} as const
export type DiskFault = keyof typeof diskFaults

/**
 * Appends in waves, each with a commit of a ledger, sends again what there was no room for, and writes down every answer
 * in a file beside the store. A wave is answered before the next one is asked for: after a failed sync no answer of an
 * earlier group can be on its way.
 */
const writeScript = `
  import { openSync, writeSync } from 'node:fs'
  import { join } from 'node:path'
  import { embeddedEngine } from 'tidings/engines/embedded'
  const [path] = process.argv.slice(1)
  const answers = openSync(join(path, 'answers'), 'a')
  const say = (line) => writeSync(answers, line + '\\n')
  const topic = ${JSON.stringify(topic)}
  const engine = embeddedEngine({ path: join(path, 'store'), onFatal: () => say('fatal') })
  let failed = false
  const attempt = async (name, run) => {
    for (let attempts = 0; attempts < 20; attempts++) {
      try {
        const result = await run()
        say('stored ' + name)
        return result
      } catch (error) {
        say('refused ' + name + ' ' + error.code)
        failed ||= error.code !== 'store-full'
        if (failed) return undefined
      }
    }
  }
  try {
    await engine.start()
  } catch (error) {
    say('closed ' + error.code)
    process.exit(0)
  }
  await attempt('topic', () => engine.log.create(topic, { kind: 'entity', shards: 1 }))
  const ownership = failed ? undefined : await attempt('epoch', () => engine.ledger.own(${JSON.stringify(ledger)}))
  const wave = async (number) => {
    const appends = Array.from({ length: 1 + (number % 3) }, (_, index) => {
      const id = number + '-' + index
      const data = new Uint8Array(500 + number * 900)
      const request = { event: { id, source: '/crm', type: 't', key: 'k' + index, data }, shard: 0 }
      return attempt(id, () => engine.log.append(topic, [request]))
    })
    const entries = [{ key: 'n' + number, value: String(number) }]
    await Promise.all([...appends, attempt('n' + number, () => engine.ledger.commit(ownership, entries))])
  }
  for (let number = 1; number <= ${waves} && !failed; number++) await wave(number)
  if (failed && ownership) await wave(${waves + 1})
  await engine.stop()
  say('stopped')
`

/** Skips a test where nobody can make system calls fail. */
export function needsFaults(test: Parameters<typeof notRun>[0]): void {
  if (spawnSync('strace', ['-f', '-e', 'inject=fdatasync:error=EIO', 'true']).status === 0) return
  notRun(test, { part: 'strace', reason: 'system calls cannot be traced here', help: 'apt-get install strace' })
}

/** What happened to one process whose disk failed at one call. */
interface Outcome {
  /** The traced calls on the store's file and on the answers, in the order in which they ended. */
  readonly trace: readonly string[]
  readonly answers: readonly string[]
  readonly exitCode: number | null
}

async function failAt(folder: TestFolder, fault: DiskFault, call: number): Promise<Outcome> {
  const { calls, error, times } = diskFaults[fault]
  const trace = join(folder.path, 'trace')
  const answers = join(folder.path, 'answers')
  const when = times === 1 ? String(call) : `${call}..${call + times - 1}`
  const watched = ['-P', join(folder.path, 'store/data.mdb'), '-P', answers]
  const strace = ['strace', '-f', '--seccomp-bpf', '-s', '64', '-o', trace, ...watched]
  const { ended } = folder.run(writeScript, {
    // One thread writes, so that its calls can be counted.
    before: 'export UV_THREADPOOL_SIZE=1',
    trace: [
      ...strace,
      '-e',
      `trace=openat,write,fdatasync,${writes}`,
      '-e',
      `inject=${calls}:error=${error}:when=${when}`,
    ],
    quiet: true,
  })
  const exitCode = await ended
  const linesOf = async (file: string): Promise<string[]> => (await readFile(file, 'utf8')).split('\n').slice(0, -1)
  return { trace: await linesOf(trace), answers: await linesOf(answers), exitCode }
}

/**
 * One process, whose disk fails at one call: nothing is acknowledged after an error that is not for want of room, it goes
 * on when there is room again, and what was acknowledged is there when the store is opened by another. LMDB 3.5.6 for
 * Node describes a write that failed in a text that is too short for it, so that the allocator may end the process
 * there: that is counted.
 */
export async function playDiskFault(fault: DiskFault, seed: number): Promise<RoundFigures> {
  const folder = await emptyFolder()
  try {
    const call = 1 + Math.floor(mulberry32(seed)() * diskFaults[fault].highest)
    const outcome = await failAt(folder, fault, call)
    const { trace, answers, exitCode } = outcome
    const injected = trace.findIndex((line) => line.includes('(INJECTED)'))
    expect(injected, `call ${call} was made`).toBeGreaterThanOrEqual(0)
    const stored = storedIn(answers)
    const healed = answers.at(-1) === 'stopped' && !answers.includes('fatal')
    const opened = answers.some((line) => line.startsWith('stored'))
    if (fault !== 'no room') {
      const later = trace.slice(injected).filter((line) => line.includes('"stored '))
      expect(later, 'acknowledged after the disk failed').toEqual([])
      expect(healed && opened, 'the process went on').toBe(false)
    } else if (exitCode !== null && !hitMetaPage(trace)) {
      expect([...stored].filter((name) => /^\d/.test(name)).length, 'stored once there is room').toBe(eventsOf(waves))
      expect(healed).toBe(true)
    }
    await expectStored(folder, stored)
    const bySignal = exitCode === null
    return {
      counts: {
        points: 1,
        acknowledged: stored.size,
        lost: 0,
        'went on': healed ? 1 : 0,
        stopped: healed || bySignal ? 0 : 1,
        'ended by the allocator': bySignal ? 1 : 0,
      },
    }
  } finally {
    await folder.dispose()
  }
}

function storedIn(answers: readonly string[]): Set<string> {
  return new Set(answers.flatMap((line) => (line.startsWith('stored ') ? [line.slice('stored '.length)] : [])))
}

function eventsOf(count: number): number {
  return Array.from({ length: count }, (_, index) => 1 + ((index + 1) % 3)).reduce((sum, events) => sum + events, 0)
}

/** Whether a page that says which pages count could not be written: LMDB takes nothing more from that process. */
function hitMetaPage(trace: readonly string[]): boolean {
  const synchronous = trace.flatMap((line) => /O_DSYNC.* = (\d+)$/.exec(line)?.[1] ?? [])
  return trace.some(
    (line) => line.includes('(INJECTED)') && synchronous.some((number) => line.includes(`pwrite64(${number},`)),
  )
}

async function expectStored(folder: TestFolder, acknowledged: ReadonlySet<string>): Promise<void> {
  const engine = embeddedEngine({ path: join(folder.path, 'store') })
  await engine.start()
  try {
    const names = new Set<string>()
    if (await engine.log.describe(topic)) {
      names.add('topic')
      const { records, damaged } = await engine.log.read(topic, { after: 0, limit: 10_000 })
      expect(damaged).toEqual([])
      expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index + 1))
      for (const { event } of records) {
        expect(names.has(event.id), `${event.id} is stored twice`).toBe(false)
        names.add(event.id)
      }
    }
    if (acknowledged.has('epoch')) {
      names.add('epoch')
      for (const { key } of await engine.ledger.load(ledger, {}, 10_000)) names.add(key)
    }
    expect(
      [...acknowledged].filter((name) => !names.has(name)),
      'acknowledged and lost',
    ).toEqual([])
  } finally {
    await engine.stop()
  }
}
