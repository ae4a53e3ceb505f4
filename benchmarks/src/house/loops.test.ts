import { expect, it } from 'vitest'
import { closedLoop, openLoop } from './loops.ts'

it('keeps the window full, and never more in flight', async () => {
  const waiting: (() => void)[] = []
  const sent: number[] = []
  const done = closedLoop({ messages: 7, window: 3 }, (number) => {
    sent.push(number)
    return new Promise<void>((resolve) => waiting.push(resolve))
  })
  const inFlight: number[] = []
  while (waiting.length > 0) {
    inFlight.push(waiting.length)
    waiting.shift()!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await done
  expect(sent).toEqual([0, 1, 2, 3, 4, 5, 6])
  expect(inFlight).toEqual([3, 3, 3, 3, 3, 2, 1])
})

it('fails with the first call that fails', async () => {
  const loop = closedLoop({ messages: 10, window: 2 }, async (number) => {
    if (number === 4) throw new Error('refused')
  })
  await expect(loop).rejects.toThrow('refused')
})

it('begins every call of an open loop, whether or not those before have ended, due one interval after the other', async () => {
  const due: number[] = []
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  await openLoop({ perSecond: 1_000, seconds: 0.05 }, async (number, dueAt) => {
    due.push(dueAt)
    // The first call ends only when the last has begun: a loop that waited would never end.
    if (number === 49) release()
    await held
  })
  expect(due).toHaveLength(50)
  expect(due[49]! - due[0]!).toBeCloseTo(49, 5)
})

it('ends an open loop with the call that fails', async () => {
  const loop = openLoop({ perSecond: 1_000, seconds: 0.05 }, async (number) => {
    if (number === 10) throw new Error('refused')
  })
  await expect(loop).rejects.toThrow('refused')
})
