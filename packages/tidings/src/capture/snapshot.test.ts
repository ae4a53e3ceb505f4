import { expect, test } from 'vitest'
import { Snapshot } from './snapshot.ts'

test('a transaction is seen that was over when the snapshot was taken', () => {
  const snapshot = new Snapshot('100:110:100,105')
  expect([99, 100, 101, 105, 109, 110, 111].map((xid) => snapshot.sees(xid))).toEqual([
    true,
    false,
    true,
    false,
    true,
    false,
    false,
  ])
})

test('the 32 bits of the log are of the transaction that is nearest', () => {
  const round = 2n ** 32n
  const snapshot = new Snapshot(`${3n * round + 5n}:${3n * round + 10n}:`)
  expect(snapshot.sees(9)).toBe(true)
  expect(snapshot.sees(10)).toBe(false)
  expect(snapshot.sees(4_294_967_295)).toBe(true)
  expect(new Snapshot(`${2n * round - 5n}:${2n * round - 3n}:`).sees(4)).toBe(false)
  expect(new Snapshot(`${2n * round - 5n}:${2n * round - 3n}:${2n * round - 5n}`).sees(4_294_967_291)).toBe(false)
})

test('a snapshot is after a transaction when none before it is open', () => {
  expect(new Snapshot('100:110:100').isAfter('100')).toBe(true)
  expect(new Snapshot('100:110:100').isAfter('101')).toBe(false)
})
