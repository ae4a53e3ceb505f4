const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A key as the tables hold it. */
export function keyBytes(key: string): Uint8Array {
  return encoder.encode(key)
}

export function keyText(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}
