import { expect, it } from 'vitest'
import { retryAfterMs } from './schedule.ts'

const now = Date.UTC(2030, 0, 1)

it.each([
  ['120', 120_000],
  ['Tue, 01 Jan 2030 00:02:00 GMT', 120_000],
  ['Tuesday, 01-Jan-30 00:02:00 GMT', 120_000],
  ['Tue Jan  1 00:02:00 2030', 120_000],
  ['Mon, 31 Dec 2029 00:00:00 GMT', 0],
  ['soon', undefined],
  ['-5', undefined],
  [undefined, undefined],
])('a Retry-After of %j asks for %j ms', (value, askedMs) => {
  expect(retryAfterMs(value, now)).toBe(askedMs)
})

it('nobody is believed a Retry-After of more than a week, which would look like silence', () => {
  const weekMs = 7 * 24 * 3_600_000
  expect(retryAfterMs('31536000', now)).toBe(weekMs)
  expect(retryAfterMs('Wed, 01 Jan 2031 00:00:00 GMT', now)).toBe(weekMs)
})
