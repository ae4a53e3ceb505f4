/**
 * The keys of the store. The first byte says what stands under a key, numbers are big-endian, so that keys sort by
 * them. Topics and ledgers get a number when they are made, which is never used again: what is left of a removed one
 * meets nothing of a later one.
 */
const kinds = { topic: 1, ledger: 2, block: 3, newest: 4, producer: 5, entry: 6, garbage: 7 } as const

export type KeyKind = keyof typeof kinds

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

export function newestKey(topicNumber: number, key: Uint8Array): Uint8Array {
  return withNumberAndBytes('newest', topicNumber, key)
}

export function producerKey(topicNumber: number, id: string): Uint8Array {
  return withNumberAndBytes('producer', topicNumber, encodeText(id))
}

export function entryKey(ledgerNumber: number, key: string): Uint8Array {
  return withNumberAndBytes('entry', ledgerNumber, encodeText(key).subarray(1))
}

/** What follows kind and number. */
export function restOfKey(key: Uint8Array): Uint8Array {
  return key.subarray(5)
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
export function encodeText(text: string): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) return withBytes(1, Buffer.from(text, 'utf16le'))
  return withBytes(0, Buffer.from(text, 'utf8'))
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

function withNumberAndBytes(kind: KeyKind, number: number, bytes: Uint8Array): Uint8Array {
  const key = numbered(kind, number, bytes.length)
  key.set(bytes, 5)
  return key
}

function numbered(kind: KeyKind, number: number, restBytes: number): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(5 + restBytes)
  key[0] = kinds[kind]
  new DataView(key.buffer).setUint32(1, number)
  return key
}
