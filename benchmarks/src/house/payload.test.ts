import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { identityOf, payloadOf, payloadSizes } from './payload.ts'

it('makes JSON of exactly so many bytes, which says who sent it as which one', () => {
  for (const bytes of payloadSizes) {
    const payload = payloadOf({ producer: 12, number: 3_456_789 }, bytes)
    expect(payload).toHaveLength(bytes)
    expect(JSON.parse(payload.toString())).toMatchObject({ producer: 12, number: 3_456_789 })
    expect(identityOf(payload)).toEqual({ producer: 12, number: 3_456_789 })
  }
})

it('is random by half, so that it cannot be compressed away', () => {
  const payload = payloadOf({ producer: 0, number: 1 }, 10_000)
  const compressed = gzipSync(payload).length
  // Base64 holds six bits in each byte.
  expect(compressed).toBeGreaterThan(3_700)
  expect(compressed).toBeLessThan(5_500)
})

it('refuses what it has not sent', () => {
  expect(() => identityOf(Buffer.alloc(100, 'x'))).toThrow('not one that the benchmark has sent')
  expect(() => payloadOf({ producer: 0, number: 0 }, 40)).toThrow('too small')
})
