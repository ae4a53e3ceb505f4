/**
 * The keys of the store. The first byte says what stands under a key, numbers are big-endian, so that keys sort by
 * them. Topics and ledgers get a number when they are made, which is never used again: what is left of a removed one
 * meets nothing of a later one.
 */
const kinds = { topic: 1, ledger: 2, block: 3, newest: 4, producer: 5, entry: 6, garbage: 7, indexed: 8 } as const

export type KeyKind = keyof typeof kinds

/** A kind and a number. */
const numberedBytes = 5

export function topicKey(name: string): Uint8Array {
  return withBytes(kinds.topic, encodeText(name))
}

export function ledgerKey(name: string): Uint8Array {
  return withBytes(kinds.ledger, encodeText(name))
}

/** A block stands under its last offset: whoever looks for an offset finds its block at or above it. */
export function blockKey(topicNumber: number, last: number): Uint8Array {
  const key = numbered('block', topicNumber, 8)
  const view = new DataView(key.buffer)
  view.setUint32(5, Math.floor(last / 2 ** 32))
  view.setUint32(9, last % 2 ** 32)
  return key
}

export function lastOfBlockKey(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  return view.getUint32(5) * 2 ** 32 + view.getUint32(9)
}

/** The key of something that belongs to a topic or ledger and has a name: an entity's key, a producer, an entry. */
export function namedKey(kind: NamedKind, number: number, name: string): Uint8Array {
  const key = Buffer.allocUnsafe(namedKeyBytes(name))
  writeNamedKey(key, { kind, number, name })
  return key
}

export type NamedKind = 'newest' | 'producer' | 'entry'

export function namedKeyBytes(name: string): number {
  return numberedBytes + 1 + (isPlain(name) ? Buffer.byteLength(name) : name.length * 2)
}

/** Writes the key to the beginning of `target`. */
export function writeNamedKey(
  target: Buffer,
  { kind, number, name }: { kind: NamedKind; number: number; name: string },
): void {
  target[0] = kinds[kind]
  target.writeUInt32BE(number, 1)
  const plain = isPlain(name)
  target[numberedBytes] = plain ? 0 : 1
  target.write(name, numberedBytes + 1, plain ? 'utf8' : 'utf16le')
}

/** The name in such a key. */
export function nameOfKey(key: Uint8Array): string {
  return decodeText(restOfKey(key))
}

/** What follows kind and number. */
export function restOfKey(key: Uint8Array): Uint8Array {
  return key.subarray(numberedBytes)
}

/** Up to which offset the index of newest events is complete. */
export function indexedKey(topicNumber: number): Uint8Array {
  return numbered('indexed', topicNumber, 0)
}

export function garbageKey(number: number): Uint8Array {
  return numbered('garbage', number, 0)
}

export function numberOfKey(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(1)
}

/** All keys of a kind: from `from` up to, not including, `to`. */
export function rangeOfKind(kind: KeyKind): { from: Uint8Array; to: Uint8Array } {
  return { from: Uint8Array.of(kinds[kind]), to: Uint8Array.of(kinds[kind] + 1) }
}

/** All keys of a kind that belong to one topic or ledger. */
export function rangeOfNumber(kind: KeyKind, number: number): { from: Uint8Array; to: Uint8Array } {
  return { from: numbered(kind, number, 0), to: numbered(kind, number + 1, 0) }
}

/**
 * Bytes that stand for a string and for no other: UTF-8, or, for a string with a lone surrogate, which UTF-8 cannot
 * tell from another, its UTF-16 units. The first byte says which.
 */
function encodeText(text: string): Uint8Array {
  return isPlain(text) ? withBytes(0, Buffer.from(text, 'utf8')) : withBytes(1, Buffer.from(text, 'utf16le'))
}

function isPlain(text: string): boolean {
  return !/[\ud800-\udfff]/.test(text) || !/\p{Surrogate}/u.test(text)
}

export function decodeText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString(buffer[0] === 1 ? 'utf16le' : 'utf8', 1)
}

function withBytes(first: number, bytes: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + bytes.length)
  key[0] = first
  key.set(bytes, 1)
  return key
}

function numbered(kind: KeyKind, number: number, restBytes: number): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(numberedBytes + restBytes)
  key[0] = kinds[kind]
  new DataView(key.buffer).setUint32(1, number)
  return key
}
