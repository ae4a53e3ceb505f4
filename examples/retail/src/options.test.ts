import { expect, test } from 'vitest'
import { parseOptions } from './options.ts'

const defaults = { directory: '/tmp/data', invoices: '/tmp/invoices.csv' }

test('parseOptions() fills in what is not said', () => {
  expect(parseOptions([], defaults)).toEqual({
    ...defaults,
    once: false,
    sabotage: false,
    seed: 7,
    orders: 1_000_000_000,
  })
})

test('parseOptions() takes what is said', () => {
  const options = parseOptions(
    ['--once', '--sabotage', '--seed', '11', '--orders', '500', '--data', '/tmp/elsewhere'],
    defaults,
  )
  expect(options).toEqual({
    directory: '/tmp/elsewhere',
    invoices: '/tmp/invoices.csv',
    once: true,
    sabotage: true,
    seed: 11,
    orders: 500,
  })
})

test.each([
  [['--seed', 'x'], '--seed x is not a whole number from 0 on.'],
  [['--orders', '0'], '--orders 0 is not a whole number from 1 on.'],
  [['--orders=-1'], '--orders -1 is not a whole number from 1 on.'],
  [['--unknown'], "Unknown option '--unknown'"],
])('parseOptions() refuses %s', (words, message) => {
  expect(() => parseOptions(words, defaults)).toThrow(message)
})
