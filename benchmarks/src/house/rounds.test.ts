import { expect, it } from 'vitest'
import { figureOf, inOneRound, inRounds, roundsOf } from './rounds.ts'

it('runs the subjects in turn, and leaves the warm-up out of the results', async () => {
  const ran: string[] = []
  let time = 0
  const subject = (name: string) => async () => {
    ran.push(name)
    return ++time
  }
  const outcomes = await inRounds({ measured: 2, isWarmedUp: true }, { A: subject('A'), B: subject('B') })
  expect(ran.join('')).toBe('ABABAB')
  expect([...outcomes]).toEqual([
    ['A', { results: [3, 5] }],
    ['B', { results: [4, 6] }],
  ])
})

it('gives a subject that failed once no results, and goes on with the others', async () => {
  let tries = 0
  const outcomes = await inRounds(
    { measured: 3, isWarmedUp: true },
    {
      loses: async () => {
        if (++tries === 3) throw new Error('lost 1 acknowledged messages')
        return 1
      },
      holds: async () => 2,
    },
  )
  expect(outcomes.get('loses')).toEqual({ failure: 'lost 1 acknowledged messages' })
  expect(outcomes.get('holds')).toEqual({ results: [2, 2, 2] })
  expect(tries).toBe(3)
})

it('keeps the only run of what is its own warm-up', async () => {
  expect(await inOneRound({ A: async () => 1 })).toEqual(new Map([['A', { results: [1] }]]))
})

it('takes a value that was measured for the middle, and does not sort as text', () => {
  expect(figureOf([1_000, 9, 80])).toEqual({ median: 80, lowest: 9, highest: 1_000 })
  expect(figureOf([4, 1, 3, 2])).toEqual({ median: 2, lowest: 1, highest: 4 })
  expect(() => figureOf([])).toThrow('no middle of no values')
})

it('measures five rounds after a warm-up, two without one in a quick run', async () => {
  expect(roundsOf({ isQuick: false })).toEqual({ measured: 5, isWarmedUp: true })
  expect(roundsOf({ isQuick: true })).toEqual({ measured: 2, isWarmedUp: false })
  expect(roundsOf({ isQuick: true }, 3)).toEqual({ measured: 1, isWarmedUp: false })
  expect(await inRounds({ measured: 1, isWarmedUp: false }, { A: async () => 1 })).toEqual(
    new Map([['A', { results: [1] }]]),
  )
})
