import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** How long many calls took together. */
export interface Elapsed {
  readonly seconds: number
}

/** Keeps `window` calls in flight until all messages are answered; `send` gets their numbers from 0 on. */
export function closedLoop(
  run: { readonly messages: number; readonly window: number },
  send: (number: number) => Promise<unknown>,
): Promise<Elapsed> {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    let sent = 0
    let answered = 0
    const next = (): void => {
      send(sent++).then(() => {
        answered += 1
        if (sent < run.messages) next()
        else if (answered === run.messages) resolve({ seconds: (performance.now() - start) / 1_000 })
      }, reject)
    }
    for (let index = 0; index < Math.min(run.window, run.messages); index++) next()
  })
}

/**
 * Begins calls at a rate, whether or not those before have ended. `send` gets the number and the moment at which it was
 * to begin, on the clock of `performance.now()`: count from there, so that a stall counts for everything that had to wait.
 * Resolves when all have ended.
 */
export async function openLoop(
  run: { readonly perSecond: number; readonly seconds: number },
  send: (number: number, dueAt: number) => Promise<unknown>,
): Promise<Elapsed> {
  const all = Math.round(run.perSecond * run.seconds)
  const running: Promise<unknown>[] = []
  const ticks = new Worker(pacer, { eval: true, workerData: Math.max(0.25, 1_000 / run.perSecond) })
  // The thread takes a while to begin, which is nobody's latency; what is due then falls on its ticks.
  const [firstTick] = (await once(ticks, 'message')) as [number]
  const start = firstTick - performance.timeOrigin
  const dueAt = (number: number): number => start + (number * 1_000) / run.perSecond
  try {
    await new Promise<void>((resolve, reject) => {
      ticks.once('error', reject)
      ticks.on('message', () => {
        for (const now = performance.now(); running.length < all && dueAt(running.length) <= now;) {
          const call = send(running.length, dueAt(running.length))
          call.catch(reject)
          running.push(call)
        }
        if (running.length === all) resolve()
      })
    })
  } finally {
    await ticks.terminate()
  }
  await Promise.all(running)
  return { seconds: (performance.now() - start) / 1_000 }
}

/**
 * A thread that only says when time has passed: it sleeps to a tenth of a millisecond, where a timer of the event loop is
 * late by one and a loop that looks at the clock takes a whole core.
 */
const pacer = `
  const { parentPort, workerData } = require('node:worker_threads')
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let next = performance.now() + workerData; ; next += workerData) {
    const wait = next - performance.now()
    if (wait > 0) Atomics.wait(never, 0, 0, wait)
    parentPort.postMessage(performance.timeOrigin + next)
  }`

/** Resolves once it is so; looks every 20 ms. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20))
}
