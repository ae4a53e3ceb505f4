import { expect, it } from 'vitest'
import { mulberry32 } from '../testing/index.ts'
import { decimal } from './canonical.ts'
import { compareKeys, isWithin, spansOf } from './key-order.ts'

const encoder = new TextEncoder()

it('keys are ordered as the bytes of their UTF-8 are', () => {
  const random = mulberry32(7)
  const characters = ['', 'a', 'b', '0', '-', 'ä', '\u{1f600}', '\ufffd', '\u{10ffff}', '\ue000', '~']
  const any = (): string =>
    Array.from({ length: 4 }, () => characters[Math.floor(random() * characters.length)]).join('')
  for (let round = 0; round < 2_000; round++) {
    const [left, right] = [any(), any()]
    const bytes = Buffer.compare(encoder.encode(left), encoder.encode(right))
    expect([left, right, Math.sign(compareKeys(left, right))]).toEqual([left, right, bytes])
  }
})

it('the spans of a range have its integers and no others', () => {
  const random = mulberry32(11)
  const integer = (): bigint => {
    const digits = 1 + Math.floor(random() * 19)
    const size = BigInt(Math.floor(random() * 10 ** Math.min(digits, 15))) * 10n ** BigInt(Math.max(0, digits - 15))
    return random() < 0.3 ? -size : size
  }
  for (let round = 0; round < 300; round++) {
    const [one, two] = [String(integer()), random() < 0.2 ? '5x' : String(integer())]
    const [after, upTo] = compareKeys(one, two) < 0 ? [one, two] : [two, one]
    const range = { ...(random() < 0.9 && { after }), ...(random() < 0.9 && { upTo }) }
    const spans = spansOf(range)
    const borders = spans.flatMap(({ low, high }) => [low - 1n, low, high, high + 1n])
    for (const each of [...borders, ...Array.from({ length: 20 }, integer)]) {
      if (BigInt.asIntN(64, each) !== each) continue
      const found = spans.filter(({ low, high }) => low <= each && each <= high).length
      expect([range, each, found]).toEqual([range, each, isWithin(String(each), range) ? 1 : 0])
    }
  }
})

it.each([
  [1e21, '1000000000000000000000'],
  [1.5e-7, '0.00000015'],
  [-1.25e22, '-12500000000000000000000'],
  [-0, '0'],
  [0.1, '0.1'],
  [12345678901234567890n, '12345678901234567890'],
  [5e-324, `0.${'0'.repeat(323)}5`],
])('the digits of %s', (value, digits) => {
  expect(decimal(value)).toBe(digits)
})
