import { assert, bigInt, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstOf, formatLsn, listedSequence, lsnOf, missingSequence, parseLsn, partOf, sequenceOf } from './lsn.ts'

describe('a place in the log', () => {
  test('has the text of pg_lsn', () => {
    expect(formatLsn(0x16_b374_d848n)).toBe('16/B374D848')
    expect(parseLsn('16/B374D848')).toBe(0x16_b374_d848n)
    expect(parseLsn('0/0')).toBe(0n)
    assert(property(bigInt(0n, 2n ** 64n - 1n), (lsn) => parseLsn(formatLsn(lsn)) === lsn))
  })

  test.each(['', '0', '0/', 'x/1', '123456789/0'])('%j is refused', (text) => {
    expect(() => parseLsn(text)).toThrow(/no place/)
  })
})

describe('versions', () => {
  const places = bigInt(2n, 10n ** 16n - 1n)
  const parts = integer({ min: 0, max: 9_999 })

  test('are ordered by the commit first, then by the part of its transaction, as texts too', () => {
    assert(
      property(places, parts, places, parts, (left, leftPart, right, rightPart) => {
        const order = left === right ? leftPart - rightPart : left < right ? -1 : 1
        const [first, second] = [sequenceOf(left, leftPart), sequenceOf(right, rightPart)]
        expect(Math.sign(order)).toBe(first === second ? 0 : first < second ? -1 : 1)
        expect(first).toMatch(/^\d{20}$/)
        expect(lsnOf(first)).toBe(left)
      }),
    )
  })

  test('of a listing are older than every change that is committed at its base or later', () => {
    assert(
      property(places, parts, (base, part) => {
        expect(missingSequence(base) < listedSequence(base)).toBe(true)
        expect(listedSequence(base) < sequenceOf(base, part)).toBe(true)
        expect(missingSequence(base) > sequenceOf(base - 1n, 9_997)).toBe(true)
      }),
    )
  })

  test('beyond 20 digits are refused', () => {
    expect(() => sequenceOf(10n ** 16n, 0)).toThrow(/10\^16/)
  })
})

test('parts grow and end where the next one begins', () => {
  for (let part = 0; part < 9_999; part++) {
    expect(partOf(firstOf(part))).toBe(part)
    expect(partOf(firstOf(part + 1) - 1)).toBe(part)
  }
  expect(partOf(1e12)).toBe(9_999)
})
