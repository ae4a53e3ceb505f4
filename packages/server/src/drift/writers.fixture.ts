import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { topic } from './copies.fixture.ts'

/**
 * Changes, deletes and makes customers in SQL, as somebody without a library does. In a process of its own, so that what
 * is measured beside it is not the share of one thread that it leaves.
 */
const program = `
  import { setTimeout } from 'node:timers/promises'
  import pg from 'pg'

  const [changed, deleted] = [
    "with written as (insert into customers values ($1, $2, 'Anywhere') on conflict (id) do update set name = excluded.name returning *) select tidings.changed('${topic}', id, to_jsonb(written)) from written",
    "with gone as (delete from customers where id = $1 returning id) select tidings.deleted('${topic}', id, jsonb_build_object('id', id)) from gone",
  ]
  const [{ url, keys, seed, perSecond }] = await new Promise((resolve) => process.once('message', (...order) => resolve(order)))
  let isStopping = false
  process.once('message', () => (isStopping = true))
  process.once('disconnect', () => process.exit())
  let state = seed
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  const begunAt = performance.now()
  let written = 0
  const write = async () => {
    while (!isStopping) {
      if (written >= ((performance.now() - begunAt) / 1_000) * perSecond) {
        await setTimeout(2)
        continue
      }
      const turn = ++written
      const key = keys[Math.floor(random() * keys.length)]
      if (random() < 0.1) await pool.query(deleted, [key])
      else await pool.query(changed, [key, 'Name ' + turn])
    }
  }
  await Promise.all(Array.from({ length: 8 }, write))
  await pool.end()
  process.send({ written, perSecond: (written * 1_000) / (performance.now() - begunAt) }, () => process.disconnect())
`

export interface WritersOptions {
  /** Of the owner's database. */
  readonly url: string
  readonly keys: readonly string[]
  readonly seed: number
  readonly perSecond: number
}

/** What was written, and how much of it in a second. */
export interface Written {
  readonly written: number
  readonly perSecond: number
}

/** Writes at a steady rate until it is told to stop. */
export function startWriters(options: WritersOptions): AsyncDisposable & { stop(): Promise<Written> } {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.send(options)
  const answered = once(child, 'message')
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`The writers ended with ${String(code)}.`)
  })
  failed.catch(() => undefined)
  const stop = async (): Promise<Written> => {
    if (child.connected) child.send('stop')
    const [written] = (await Promise.race([answered, failed])) as [Written]
    return written
  }
  return { stop, [Symbol.asyncDispose]: async () => void child.kill() }
}
