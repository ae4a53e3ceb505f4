import { crc32 } from 'node:zlib'
import { TidingsError } from '../../errors.ts'

/**
 * A stored value with what it takes to see that it is damaged: `[u8 format version][u32 checksum][bytes]`. The checksum
 * covers the format, the bytes, and the place where they belong: what stands elsewhere is as damaged as what was changed.
 */
const formatVersion = 1
const frameBytes = 5

export function seal(place: Uint8Array, bytes: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(frameBytes + bytes.length)
  value[0] = formatVersion
  value.set(bytes, frameBytes)
  value.writeUInt32BE(checksumOf(place, value), 1)
  return value
}

/** The bytes in a stored value; `undefined` where it is damaged. Rejects what a newer version wrote as `store-version`. */
export function unseal(place: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  if (value.length < frameBytes) return undefined
  const view = Buffer.from(value.buffer, value.byteOffset, value.length)
  if (view.readUInt32BE(1) !== checksumOf(place, view)) return undefined
  if (view[0] === formatVersion) return value.subarray(frameBytes)
  throw new TidingsError(
    'store-version',
    `The store holds a value of format ${view[0]}, this version reads format ${formatVersion}; use a newer version of Tidings.`,
    { details: { format: view[0] } },
  )
}

function checksumOf(place: Uint8Array, value: Buffer): number {
  return crc32(value.subarray(frameBytes), crc32(value.subarray(0, 1), crc32(place)))
}
