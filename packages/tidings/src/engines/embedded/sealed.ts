import { crc32 } from 'node:zlib'
import { TidingsError } from '../../errors.ts'
import { namedKeyBytes, writeNamedKey, type NamedKind } from './keys.ts'
import type { Put } from './store.ts'

/**
 * A small stored value: `[u8 format version][text][u32 checksum]`. The checksum covers the key as well, so that a value
 * that stands under another key is as damaged as one that was changed.
 */
const formatVersion = 1
const frameBytes = 5

export function seal(key: Uint8Array, text: string): Put {
  const value = Buffer.allocUnsafe(frameBytes + Buffer.byteLength(text))
  fill(value, text, crc32(key))
  return { key, value }
}

/** The same for the key of something that has a name, in one piece: this runs for every event and every settle. */
export function sealNamed(kind: NamedKind, number: number, { name, text }: { name: string; text: string }): Put {
  const keyBytes = namedKeyBytes(name)
  const bytes = Buffer.allocUnsafe(keyBytes + frameBytes + Buffer.byteLength(text))
  const key = bytes.subarray(0, keyBytes)
  writeNamedKey(key, { kind, number, name })
  const value = bytes.subarray(keyBytes)
  fill(value, text, crc32(key))
  return { key, value }
}

/** Rejects a damaged value as `store-corrupt`, naming what it is. */
export function unseal(key: Uint8Array, value: Uint8Array, what: () => string): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const end = bytes.length - 4
  if (end < 1 || bytes.readUInt32BE(end) !== crc32(bytes.subarray(0, end), crc32(key))) {
    throw new TidingsError('store-corrupt', `${what()} is damaged in the store; restore the store from a backup.`, {
      details: { what: what() },
    })
  }
  if (bytes[0] !== formatVersion) {
    throw new TidingsError(
      'store-version',
      `${what()} is stored in format ${bytes[0]}, this version reads format ${formatVersion}; use a newer version of Tidings.`,
      { details: { what: what(), format: bytes[0] } },
    )
  }
  return bytes.toString('utf8', 1, end)
}

function fill(value: Buffer, text: string, keyChecksum: number): void {
  const end = value.length - 4
  value[0] = formatVersion
  value.write(text, 1)
  value.writeUInt32BE(crc32(value.subarray(0, end), keyChecksum), end)
}
