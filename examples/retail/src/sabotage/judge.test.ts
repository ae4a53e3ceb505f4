import { expect, test } from 'vitest'
import { judge, type Done, type Found } from './judge.ts'

const done: readonly Done[] = [
  { kind: 'edited', key: '1' },
  { kind: 'edited', key: '2' },
  { kind: 'failing', key: '3' },
]
const found: readonly Found[] = [
  { copy: 'marketing', key: '1', cause: 'written-locally' },
  { copy: 'marketing', key: '2', cause: 'written-locally' },
  { copy: 'analytics', key: '3', cause: 'retrying' },
]

test('judge() holds when everything that was done is found under its name', () => {
  expect(judge(done, found)).toEqual({
    kinds: [
      { kind: 'edited', done: 2, found: 2, names: ['written-locally'] },
      { kind: 'failing', done: 1, found: 1, names: ['retrying'] },
    ],
    others: [],
    holds: true,
  })
})

test('judge() does not hold when something was missed', () => {
  expect(judge(done, found.slice(1))).toMatchObject({ kinds: [{ done: 2, found: 1 }, {}], holds: false })
})

test('judge() does not hold when a cause is called something else', () => {
  const misnamed = found.with(1, { copy: 'marketing', key: '2', cause: 'never-published' })
  expect(judge(done, misnamed)).toMatchObject({
    kinds: [{ names: ['written-locally', 'never-published'] }, {}],
    holds: false,
  })
})

test('judge() does not hold when something is different that nobody broke, be it the same customer in another copy', () => {
  const other: Found = { copy: 'analytics', key: '1', cause: 'not-delivered' }
  expect(judge(done, [...found, other])).toMatchObject({ others: [other], holds: false })
})
