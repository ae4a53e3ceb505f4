import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { treeOf } from '../house/usage.ts'
import type { Order, Word } from './worker.ts'

/** A system in a process of its own. */
export interface Inspected {
  /** All processes that it has at present, the one with its client included. */
  pids(): readonly number[]
  /** Resolves when the order is carried out. */
  tell(order: Order): Promise<void>
  /** SIGKILL to all of its processes at once; resolves when they are gone and everything that they said was heard. */
  kill(): Promise<void>
}

export interface Listener {
  acknowledged(number: number): void
  saw(number: number): void
}

export async function startInspected(system: string, folder: string, listener: Listener): Promise<Inspected> {
  const child = fork(fileURLToPath(new URL('../../dist/audit/worker.js', import.meta.url)), [system, folder], {
    execArgv: [],
  })
  let onDone: (() => void) | undefined
  const started = new Promise<void>((resolve) => {
    child.on('message', (word: Word) => {
      if ('acknowledged' in word) listener.acknowledged(word.acknowledged)
      else if ('saw' in word) listener.saw(word.saw)
      else if ('done' in word) onDone?.()
      else resolve()
    })
  })
  const gone = endOf(child)
  await Promise.race([started, gone.then(() => Promise.reject(new Error(`${system} ended before it had started`)))])
  return {
    pids: () => [...treeOf([child.pid!])],
    tell: (order) =>
      new Promise((resolve, reject) => {
        onDone = resolve
        child.send(order, (error) => error && reject(error))
        void gone.then(() => reject(new Error(`${system} ended while it was at work`)))
      }),
    async kill() {
      const pids = [...treeOf([child.pid!])]
      for (const pid of pids) send(pid, 'SIGKILL')
      await gone
      for (const pid of pids) while (send(pid, 0)) await new Promise((resolve) => setTimeout(resolve, 10))
    },
  }
}

/** Its last words come after its end. */
async function endOf(child: ChildProcess): Promise<void> {
  await Promise.all([once(child, 'exit'), once(child, 'disconnect')])
}

/** Whether there was such a process. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
