import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { linesOf } from './lines.ts'

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

async function read(chunks: AsyncIterable<Uint8Array>): Promise<readonly (readonly [number, string])[]> {
  const found: (readonly [number, string])[] = []
  for await (const lines of linesOf(chunks)) {
    found.push(...lines.map(({ number, bytes }) => [number, Buffer.from(bytes).toString('utf8')] as const))
  }
  return found
}

test('linesOf() answers the same lines however the bytes arrive', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'ü', ' ', '\n', '\r') })
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (input, size) => {
      const expected = input.split('\n').flatMap((line, index) => (/^[ \r]*$/.test(line) ? [] : [[index + 1, line]]))
      expect(await read(chunksOf(Buffer.from(input), size))).toEqual(expected)
    }),
  )
})

test('linesOf() hands out what has arrived without waiting for more', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('one\ntwo\nthr')
    await new Promise(() => undefined)
  }
  const { value } = await linesOf(endless()).next()
  expect(value).toMatchObject([{ number: 1 }, { number: 2 }])
})

test('linesOf() refuses a line without an end instead of keeping all of it', async () => {
  async function* zeros(): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(1_048_576).fill(0x61)
  }
  await expect(read(zeros())).rejects.toThrow(/Line 1 has more than 8388608 bytes/)
})
