import { createHash } from 'node:crypto'
import { identityHash, type IdentityHash } from '../../engine/index.ts'

/**
 * Bytes that stand for a string and for no other. UTF-8, which an operator can read, or, for a string with half of a
 * surrogate pair, which UTF-8 cannot tell from another, its UTF-16 units behind a byte that no UTF-8 begins with.
 */
export function bytesOfName(name: string): Buffer {
  if (!/\p{Surrogate}/u.test(name)) return Buffer.from(name, 'utf8')
  return Buffer.concat([notUtf8, Buffer.from(name, 'utf16le')])
}

export function nameOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return buffer[0] === notUtf8[0] ? buffer.toString('utf16le', 1) : buffer.toString('utf8')
}

const notUtf8 = Buffer.of(0xff)

/** 128 bits of SHA-256: nobody finds two names that have the same, so nothing has to be compared. */
export function digestOf(name: string): Buffer {
  return createHash('sha256').update(name).digest().subarray(0, 16)
}

/** The hash of an identity, by its `identityName`, as every engine makes it. */
export function hashOfName(name: string, seed: number): Buffer {
  const [source, id] = JSON.parse(name) as [string, string]
  return bytesOfHash(identityHash(source, id, seed))
}

export function bytesOfHash({ low, high }: IdentityHash): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeInt32BE(low, 0)
  bytes.writeInt32BE(high, 4)
  return bytes
}

export function hashOfBytes(bytes: Uint8Array): IdentityHash {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return { low: buffer.readInt32BE(0), high: buffer.readInt32BE(4) }
}
