import { expect, it } from 'vitest'
import { Turns } from './turns.ts'

it('lets two work at once, and the others one after the other, also where one fails', async () => {
  const turns = new Turns(2)
  const ends: (() => void)[] = []
  let most = 0
  let working = 0
  const asked = Array.from({ length: 6 }, (_, place) =>
    turns.take(async () => {
      most = Math.max(most, ++working)
      await new Promise<void>((resolve) => ends.push(resolve))
      working--
      if (place === 1) throw new Error('failed')
      return place
    }),
  )
  const outcomes = Promise.allSettled(asked)
  for (let ended = 0; ended < 6;) {
    await Promise.resolve()
    const end = ends.shift()
    if (!end) continue
    end()
    ended++
  }
  expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', ...Array(4).fill('fulfilled')])
  expect(most).toBe(2)
})
