const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const codes = new Uint8Array(128).fill(255)
for (let index = 0; index < alphabet.length; index++) codes[alphabet.charCodeAt(index)] = index

// Below the number of arguments that every engine accepts.
const chunkBytes = 0x8000

export function encodeBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    binary += String.fromCharCode(...bytes.subarray(start, start + chunkBytes))
  }
  return btoa(binary)
}

/** `undefined` for anything but complete, padded base64 (RFC 4648, section 4) without stray bits. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  let written = 0
  let bits = 0
  let held = 0
  for (let index = 0; index < text.length - padding; index++) {
    const code = codes[text.charCodeAt(index)]
    if (code === undefined || code === 255) return undefined
    bits = ((bits << 6) | code) & 0xffff
    held += 6
    if (held < 8) continue
    held -= 8
    bytes[written++] = (bits >>> held) & 0xff
  }
  return (bits & ((1 << held) - 1)) === 0 ? bytes : undefined
}
