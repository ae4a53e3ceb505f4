/**
 * The SHA-256 of bytes (FIPS 180-4), in hexadecimal. That of Web Crypto answers later, at a moment that no simulated
 * environment decides; this one answers at once, wherever the library runs.
 */
export function sha256(bytes: Uint8Array): string {
  const state = fractionsOf((prime) => Math.sqrt(prime), 8)
  const padded = pad(bytes)
  for (let start = 0; start < padded.byteLength; start += blockBytes) {
    compress(state, new DataView(padded.buffer, start, blockBytes))
  }
  return [...state].map((word) => word.toString(16).padStart(8, '0')).join('')
}

const blockBytes = 64
const constants = fractionsOf((prime) => Math.cbrt(prime), 64)

/** The first 32 bits of the fractions of a root of the first primes (section 4.2.2, 5.3.3). */
function fractionsOf(root: (prime: number) => number, count: number): Uint32Array {
  const found: number[] = []
  for (let candidate = 2; found.length < count; candidate++) {
    if (found.every((prime) => candidate % prime !== 0)) found.push(candidate)
  }
  return Uint32Array.from(found, (prime) => (root(prime) % 1) * 2 ** 32)
}

/** Section 5.1.1: a bit, zeros, and the length in bits. */
function pad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / blockBytes) * blockBytes)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  new DataView(padded.buffer).setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n)
  return padded
}

/** Section 6.2.2. */
function compress(state: Uint32Array, block: DataView): void {
  const words = new Uint32Array(64)
  for (let t = 0; t < 16; t++) words[t] = block.getUint32(t * 4)
  for (let t = 16; t < 64; t++) {
    const [near, far] = [words[t - 2]!, words[t - 15]!]
    const first = rotate(far, 7) ^ rotate(far, 18) ^ (far >>> 3)
    const second = rotate(near, 17) ^ rotate(near, 19) ^ (near >>> 10)
    words[t] = words[t - 16]! + first + words[t - 7]! + second
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let t = 0; t < 64; t++) {
    const choice = (e & f) ^ (~e & g)
    const first = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + choice + constants[t]! + words[t]!) | 0
    const second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0]
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index]! += word
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}
