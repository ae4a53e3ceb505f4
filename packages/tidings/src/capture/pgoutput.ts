import type { Lsn } from './lsn.ts'

/**
 * Messages of the plugin `pgoutput`, version 1 (PostgreSQL manual, "Logical Replication Message Formats"). Values are the
 * texts that PostgreSQL gives, so that nothing is rounded.
 */
export type LogMessage =
  | { readonly kind: 'begin'; readonly commit: Lsn; readonly committedAt: number; readonly xid: number }
  | { readonly kind: 'commit'; readonly commit: Lsn; readonly end: Lsn }
  | { readonly kind: 'origin'; readonly name: string }
  | Relation
  | { readonly kind: 'type'; readonly oid: number; readonly schema: string; readonly name: string }
  | { readonly kind: 'insert'; readonly relation: number; readonly row: Tuple }
  | {
      readonly kind: 'update'
      readonly relation: number
      /** The row before: its identity alone, where that changed, or all of it under `replica identity full`. */
      readonly old: OldTuple | undefined
      readonly row: Tuple
    }
  | { readonly kind: 'delete'; readonly relation: number; readonly old: OldTuple }
  | { readonly kind: 'truncate'; readonly relations: readonly number[] }
  | { readonly kind: 'message'; readonly transactional: boolean; readonly prefix: string; readonly content: string }

export interface Relation {
  readonly kind: 'relation'
  readonly oid: number
  readonly schema: string
  readonly table: string
  readonly columns: readonly RelationColumn[]
}

export interface RelationColumn {
  readonly name: string
  readonly type: number
  /** Part of the replica identity. */
  readonly identity: boolean
}

/** The columns of a row in the order of its relation; `undefined` is a stored-apart (TOAST) value that did not change. */
export type Tuple = readonly (string | null | undefined)[]

export interface OldTuple {
  /** Under `false` only the columns of the identity have their values. */
  readonly complete: boolean
  readonly row: Tuple
}

/** Microseconds from 1970 to PostgreSQL's own beginning of time, 2000. */
const epochMicroseconds = 946_684_800_000_000n

/** What one message says; `undefined` for a kind that this version of the protocol does not have. */
export function decodeMessage(bytes: Buffer): LogMessage | undefined {
  const reader = new Reader(bytes)
  const decode = decoders[reader.character()]
  return decode?.(reader)
}

const decoders: Readonly<Record<string, (reader: Reader) => LogMessage>> = {
  B: (reader) => ({ kind: 'begin', commit: reader.long(), committedAt: reader.time(), xid: reader.integer() }),
  C: (reader) => {
    reader.skip(1)
    return { kind: 'commit', commit: reader.long(), end: reader.long() }
  },
  O: (reader) => {
    reader.skip(8)
    return { kind: 'origin', name: reader.text() }
  },
  R: decodeRelation,
  Y: (reader) => ({ kind: 'type', oid: reader.integer(), schema: reader.text(), name: reader.text() }),
  I: (reader) => {
    const relation = reader.integer()
    reader.skip(1)
    return { kind: 'insert', relation, row: reader.tuple() }
  },
  U: decodeUpdate,
  D: (reader) => {
    const relation = reader.integer()
    return { kind: 'delete', relation, old: { complete: reader.character() === 'O', row: reader.tuple() } }
  },
  T: (reader) => {
    const count = reader.integer()
    reader.skip(1)
    return { kind: 'truncate', relations: Array.from({ length: count }, () => reader.integer()) }
  },
  M: (reader) => {
    const transactional = (reader.byte() & 1) === 1
    reader.skip(8)
    const prefix = reader.text()
    return { kind: 'message', transactional, prefix, content: reader.sized() }
  },
}

function decodeRelation(reader: Reader): Relation {
  const oid = reader.integer()
  // An empty name stands for the schema of the catalogue.
  const schema = reader.text() || 'pg_catalog'
  const table = reader.text()
  reader.skip(1)
  const columns = Array.from({ length: reader.short() }, () => {
    const identity = (reader.byte() & 1) === 1
    const name = reader.text()
    const type = reader.integer()
    reader.skip(4)
    return { name, type, identity }
  })
  return { kind: 'relation', oid, schema, table, columns }
}

function decodeUpdate(reader: Reader): LogMessage {
  const relation = reader.integer()
  const kind = reader.character()
  if (kind === 'N') return { kind: 'update', relation, old: undefined, row: reader.tuple() }
  const old = { complete: kind === 'O', row: reader.tuple() }
  reader.skip(1)
  return { kind: 'update', relation, old, row: reader.tuple() }
}

/** Reads from the front; what is missing throws, because the message is damaged. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  skip(count: number): void {
    this.#at += count
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++)
  }

  character(): string {
    return String.fromCharCode(this.byte())
  }

  short(): number {
    const value = this.#bytes.readUInt16BE(this.#at)
    this.#at += 2
    return value
  }

  integer(): number {
    const value = this.#bytes.readUInt32BE(this.#at)
    this.#at += 4
    return value
  }

  long(): bigint {
    const value = this.#bytes.readBigUInt64BE(this.#at)
    this.#at += 8
    return value
  }

  /** Milliseconds since 1970. */
  time(): number {
    const microseconds = this.#bytes.readBigInt64BE(this.#at)
    this.#at += 8
    return Number((microseconds + epochMicroseconds) / 1_000n)
  }

  /** A text that a zero ends. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end < 0) throw new RangeError('A text of the replication protocol has no end.')
    const value = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end + 1
    return value
  }

  /** A text with its length before it. */
  sized(): string {
    const length = this.integer()
    const start = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) throw new RangeError('A message of the replication protocol is cut short.')
    return this.#bytes.toString('utf8', start, this.#at)
  }

  tuple(): Tuple {
    const count = this.short()
    const row: (string | null | undefined)[] = []
    for (let column = 0; column < count; column++) row.push(this.#value())
    return row
  }

  #value(): string | null | undefined {
    const kind = this.character()
    if (kind === 't') return this.sized()
    if (kind === 'n') return null
    if (kind === 'u') return undefined
    throw new RangeError(`A value of the kind "${kind}" is none of version 1 of the replication protocol.`)
  }
}
