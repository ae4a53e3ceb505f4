import type { Lsn } from './lsn.ts'

/** What the server sends on a replication connection (PostgreSQL manual, "Streaming Replication Protocol"). */
export type ServerFrame =
  | { readonly kind: 'data'; readonly message: Buffer }
  /** Everything before `read` is read, and what there was of it to send is sent. */
  | { readonly kind: 'keep-alive'; readonly read: Lsn; readonly answerAtOnce: boolean }

const dataHeader = 25

export function decodeFrame(bytes: Buffer): ServerFrame | undefined {
  const kind = String.fromCharCode(bytes[0] ?? 0)
  if (kind === 'w') return { kind: 'data', message: bytes.subarray(dataHeader) }
  if (kind === 'k') return { kind: 'keep-alive', read: bytes.readBigUInt64BE(1), answerAtOnce: bytes[17] === 1 }
  return undefined
}

/** Milliseconds from 1970 to PostgreSQL's own beginning of time, 2000. */
const epochMs = 946_684_800_000

/** Tells the server that everything before this place is kept elsewhere, so that it need not be kept here. */
export function encodeStatus(confirmed: Lsn, now: number): Buffer {
  const bytes = Buffer.alloc(34)
  bytes.write('r')
  for (const place of [1, 9, 17]) bytes.writeBigUInt64BE(confirmed, place)
  bytes.writeBigInt64BE(BigInt(Math.floor(now) - epochMs) * 1_000n, 25)
  return bytes
}
