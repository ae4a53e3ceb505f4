import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFrame, encodeFrame } from './frame.ts'

const event = (id: string, data?: Uint8Array) => ({ id, source: 's', type: 't', ...(data && { data }) })

describe('a frame', () => {
  it('carries every payload byte for byte, in its place', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.uint8Array(), { nil: undefined }), { maxLength: 5 }), (payloads) => {
        const deliveries = payloads.map((data, index) => ({ lease: `l${index}`, event: event(`${index}`, data) }))
        const message = { type: 'deliveries', stream: 1, deliveries }
        expect(decodeFrame(encodeFrame(message))).toEqual(message)
      }),
    )
  })

  it('that was cut off or changed is a protocol-violation or another message, never another failure', () => {
    const good = encodeFrame({ type: 'deliveries', deliveries: [{ event: event('1', Uint8Array.of(1, 2, 3)) }] })
    for (let length = 0; length < good.length; length++) {
      expect(() => decodeFrame(good.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'protocol-violation' }),
      )
    }
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (place, mask) => {
        const changed = good.slice()
        changed[place]! ^= mask
        try {
          decodeFrame(changed)
        } catch (error) {
          expect(error).toMatchObject({ code: 'protocol-violation' })
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('refuses a reference to an event that is not there', () => {
    const header = new TextEncoder().encode('{"events":[{"event":0}]}')
    const bytes = Uint8Array.of(1, 0, 0, 0, header.length, ...header)
    expect(() => decodeFrame(bytes)).toThrow(/refers to an event that is not there/)
  })
})
