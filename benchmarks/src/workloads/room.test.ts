import { expect, test } from 'vitest'
import { Room } from './room.ts'

/** How many of these calls have come through by now. */
async function through(calls: readonly (Promise<void> | undefined)[]): Promise<number> {
  let count = 0
  for (const call of calls) void Promise.resolve(call).then(() => count++)
  await new Promise((resolve) => setImmediate(resolve))
  return count
}

test('a producer is as far ahead of its slowest consumer as there is room, and no further', async () => {
  const room = new Room(2, 3)
  const calls = Array.from({ length: 10 }, () => room.take(1))
  expect(await through(calls)).toBe(3)
  room.handled(0)
  room.handled(0)
  expect(await through(calls)).toBe(3)
  room.handled(1)
  expect(await through(calls)).toBe(4)
  room.handled(1)
  expect(await through(calls)).toBe(5)
  room.open()
  expect(await through(calls)).toBe(10)
})

test('a batch goes when there is room for all of it', async () => {
  const room = new Room(1, 4)
  const calls = [room.take(3), room.take(3)]
  room.handled(0)
  expect(await through(calls)).toBe(1)
  room.handled(0)
  expect(await through(calls)).toBe(2)
})
