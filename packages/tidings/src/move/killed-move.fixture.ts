import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { fillWholeStore, lookAtWholeStore } from '../engine/conformance/whole-store.ts'
import { eventOf, requestOf } from '../engine/conformance/scene.ts'
import type { Engine } from '../engine/index.ts'
import { TidingsError } from '../errors.ts'
import { withEngine, type TestStore } from './move.fixture.ts'

/** A store that a process of its own can open too. */
export interface NamedStore extends TestStore {
  /** A folder or the address of a database. */
  readonly name: string
}

/** Moves with the built package, counts each thing that it does, and kills itself at one of them. */
const script = `
  import { moveStore } from 'tidings/move'
  import { embeddedEngine } from 'tidings/engines/embedded'
  import { postgresEngine } from 'tidings/engines/postgres'
  import pg from 'pg'
  const [, from, to, killedAt] = process.argv
  let done = 0
  const step = () => {
    done += 1
    if (done === Number(killedAt)) process.kill(process.pid, 'SIGKILL')
    process.stdout.write(done + '\\n')
  }
  const engineOf = (name) => name.startsWith('postgres')
    ? postgresEngine({ pool: new pg.Pool({ connectionString: name }) })
    : embeddedEngine({ path: name })
  const counted = (engine) => ({
    ...engine,
    async hold() {
      const held = await engine.hold()
      const { standing, deduplication } = held
      const around = (name) => async (...values) => {
        step()
        await held[name](...values)
        step()
      }
      const contents = async function* (bounds) {
        for await (const items of held.contents(bounds)) {
          if (items.length > 100) step()
          yield items
        }
      }
      const [receive, ready, leave, complete] = ['receive', 'ready', 'leave', 'complete'].map(around)
      return { standing, deduplication, contents, receive, ready, leave, complete, release: () => held.release() }
    },
  })
  const side = (name) => ({ engine: counted(engineOf(name)), place: name })
  const { resumed, code } = await moveStore({ from: side(from), to: side(to) }).catch((error) => error)
  process.stdout.write((code ?? 'moved ' + resumed) + '\\n')
  process.exit(0)
`

export interface MoveProcess {
  /** Kills it once it has done so many things. */
  readonly killAfter?: number
  /** Has it kill itself at the beginning of that one. */
  readonly killAt?: number
}

/** What it has printed: at the end, whether it has moved everything, or the code with which it was refused. */
export async function runMove(from: NamedStore, to: NamedStore, options: MoveProcess): Promise<readonly string[]> {
  const words = ['--input-type=module', '--eval', script, from.name, to.name, String(options.killAt ?? 0)]
  const child = spawn(process.execPath, words, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    if (lines.length === options.killAfter) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.once('close', resolve))
  return lines
}

/** With enough for some pages of everything. */
export async function fillForKills(engine: Engine): Promise<void> {
  await fillWholeStore(engine, () => undefined)
  const id = { namespace: 'default', topic: 'crm.many' }
  await engine.log.create(id, { kind: 'event', shards: 1 })
  const requests = Array.from({ length: 3_000 }, (_, index) =>
    requestOf(eventOf(`m${index}`, { data: new Uint8Array(300) })),
  )
  await engine.log.append(id, requests)
}

/** `empty`, `refused`, or everything that can be seen. */
async function lookAt(store: TestStore): Promise<unknown> {
  try {
    return await withEngine(store.open(), async (engine) => {
      const isThere = await engine.log.describe({ namespace: 'default', topic: 'crm.many' })
      return isThere ? lookAtWholeStore(engine) : 'empty'
    })
  } catch (error) {
    if (error instanceof TidingsError && error.code === 'store-moved') return 'refused'
    throw error
  }
}

/** Of two stores one serves, with everything; the other has nothing, or refuses. Answers which one that is. */
export async function whoServes(
  { from, to }: { readonly from: TestStore; readonly to: TestStore },
  everything: unknown,
): Promise<'source' | 'target' | 'nobody'> {
  const [source, target] = [await lookAt(from), await lookAt(to)]
  if (source === 'refused' && target === 'refused') return 'nobody'
  const [served, other] = source === 'refused' ? [target, source] : [source, target]
  expect(served).toEqual(everything)
  expect(['refused', 'empty']).toContain(other)
  return source === 'refused' ? 'target' : 'source'
}
