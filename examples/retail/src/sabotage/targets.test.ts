import { expect, test } from 'vitest'
import { kinds, needPython } from './kinds.ts'
import { chooseTargets } from './targets.ts'

const customers = Array.from({ length: 100 }, (_, index) => String(index))
const options = { seed: 7, customers, hasPython: true }

test('chooseTargets() hits nobody twice, the same ones for one seed and others for another', () => {
  const targets = chooseTargets(options)
  const hit = Object.values(targets).flat()
  expect(hit).toHaveLength(5 * Object.keys(kinds).length)
  expect(new Set(hit).size).toBe(hit.length)
  expect(chooseTargets(options)).toEqual(targets)
  expect(chooseTargets({ ...options, seed: 8 })).not.toEqual(targets)
})

test('chooseTargets() leaves out what only a table in Python can show', () => {
  const targets = chooseTargets({ ...options, hasPython: false })
  for (const [kind, keys] of Object.entries(targets)) {
    expect(keys).toHaveLength((needPython as readonly string[]).includes(kind) ? 0 : 5)
  }
})

test('chooseTargets() says when there are too few customers', () => {
  const few = { ...options, customers: customers.slice(0, 11) }
  expect(() => chooseTargets(few)).toThrow('12 customers at least, and there are 11; play more --orders')
})
