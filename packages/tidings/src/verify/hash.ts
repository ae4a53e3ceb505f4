/**
 * The hash of a text with a seed, both of 64 bits: Bob Jenkins' lookup3 (https://burtleburtle.net/bob/c/lookup3.c) over
 * its UTF-8, with the seed mixed in first. PostgreSQL has the same as `hashtextextended()`, by which it partitions tables,
 * so that a database can hash its rows itself. It tells rows apart that differ by accident, whoever writes; it is no
 * cryptographic hash, and does not tell apart what somebody made up to have the same one.
 */
export class TextHash {
  high = 0
  low = 0
  #bytes = new Uint8Array(4_096)
  #view = new DataView(this.#bytes.buffer)
  #a = 0
  #b = 0
  #c = 0

  /** Goes on from the present hash, which is the seed of the next. */
  add(text: string, tag: number): void {
    const length = this.#encode(text)
    const view = this.#view
    this.#a = this.#b = this.#c = (0x9e3779b9 + length + 3_923_095) | 0
    const seed = this.low ^ tag
    if (this.high !== 0 || seed !== 0) {
      this.#a = (this.#a + this.high) | 0
      this.#b = (this.#b + seed) | 0
      this.#mix()
    }
    let at = 0
    for (; length - at >= 12; at += 12) {
      this.#a = (this.#a + view.getInt32(at, true)) | 0
      this.#b = (this.#b + view.getInt32(at + 4, true)) | 0
      this.#c = (this.#c + view.getInt32(at + 8, true)) | 0
      this.#mix()
    }
    // What lies behind the text is zero, and the lowest byte of the last word is the length's.
    this.#a = (this.#a + view.getInt32(at, true)) | 0
    this.#b = (this.#b + view.getInt32(at + 4, true)) | 0
    this.#c = (this.#c + (view.getInt32(at + 8, true) << 8)) | 0
    this.#end()
    this.high = this.#b
    this.low = this.#c
  }

  #encode(text: string): number {
    if (this.#bytes.length < text.length * 3 + 16) {
      this.#bytes = new Uint8Array(text.length * 3 + 4_096)
      this.#view = new DataView(this.#bytes.buffer)
    }
    const { written } = encoder.encodeInto(text, this.#bytes)
    this.#bytes.fill(0, written, written + 16)
    return written
  }

  #mix(): void {
    let a = this.#a
    let b = this.#b
    let c = this.#c
    a = (a - c) ^ ((c << 4) | (c >>> 28))
    c = (c + b) | 0
    b = (b - a) ^ ((a << 6) | (a >>> 26))
    a = (a + c) | 0
    c = (c - b) ^ ((b << 8) | (b >>> 24))
    b = (b + a) | 0
    a = (a - c) ^ ((c << 16) | (c >>> 16))
    c = (c + b) | 0
    b = (b - a) ^ ((a << 19) | (a >>> 13))
    a = (a + c) | 0
    c = (c - b) ^ ((b << 4) | (b >>> 28))
    b = (b + a) | 0
    this.#a = a
    this.#b = b
    this.#c = c
  }

  #end(): void {
    let a = this.#a
    let b = this.#b
    let c = this.#c
    c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0
    a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0
    b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0
    c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0
    a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0
    b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0
    c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0
    this.#b = b
    this.#c = c
  }
}

const encoder = new TextEncoder()

/** A hash, or a sum of hashes, as 16 hexadecimal digits. */
export function hashText(high: number, low: number): string {
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0')
}

/**
 * Counts rows and sums their hashes modulo 2^64. The sum does not depend on the order of rows, which two databases need
 * not have in common, and unlike an exclusive or it keeps two equal rows from cancelling each other.
 */
export class DigestSum {
  count = 0
  #high = 0
  #low = 0

  add({ high, low }: { readonly high: number; readonly low: number }): void {
    this.count++
    const sum = this.#low + (low >>> 0)
    this.#low = sum >>> 0
    this.#high = (this.#high + high + (sum > 0xffff_ffff ? 1 : 0)) | 0
  }

  get digest(): string {
    return hashText(this.#high, this.#low)
  }
}

/** The digest of an exact sum of signed hashes, as a database writes it. */
export function digestOfSum(sum: string): string {
  return BigInt.asUintN(64, BigInt(sum)).toString(16).padStart(16, '0')
}
