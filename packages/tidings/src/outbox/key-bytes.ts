const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A key as the tables hold it. */
export function keyBytes(key: string): Uint8Array {
  return encoder.encode(key)
}

export function keyText(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** Keys as a statement takes a list of them: a JSON array of their hexadecimal digits. */
export function hexList(keys: readonly Uint8Array[]): string {
  return JSON.stringify(keys.map(hex))
}

/** Two hexadecimal digits for each byte, in small letters. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
