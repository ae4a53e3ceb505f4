import { crc32 } from 'node:zlib'
import { TidingsError } from '../../errors.ts'

/**
 * A small stored value: `[u32 checksum][u8 format version][text]`. The checksum covers the key as well, so that a value
 * that stands under another key is as damaged as one that was changed.
 */
const formatVersion = 1

export function seal(key: Uint8Array, text: string): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(5 + Buffer.byteLength(text))
  bytes[4] = formatVersion
  bytes.write(text, 5)
  bytes.writeUInt32BE(checksum(key, bytes), 0)
  return bytes
}

/** Rejects a damaged value as `store-corrupt`, naming what it is. */
export function unseal(key: Uint8Array, value: Uint8Array, what: string): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (bytes.length < 5 || bytes.readUInt32BE(0) !== checksum(key, bytes)) {
    throw new TidingsError('store-corrupt', `${what} is damaged in the store; restore the store from a backup.`, {
      details: { what },
    })
  }
  if (bytes[4] !== formatVersion) {
    throw new TidingsError(
      'store-version',
      `${what} is stored in format ${bytes[4]}, this version reads format ${formatVersion}; use a newer version of Tidings.`,
      { details: { what, format: bytes[4] } },
    )
  }
  return bytes.toString('utf8', 5)
}

function checksum(key: Uint8Array, bytes: Buffer): number {
  return crc32(bytes.subarray(4), crc32(key))
}
