import { createHash } from 'node:crypto'
import { TidingsError } from '../../errors.ts'

/**
 * A backup in one stream: a line of JSON that says what it is, the store's data file byte for byte, and the SHA-256 of
 * both as 64 hexadecimal digits with a line end. What was cut short or changed on the way does not end in its digest.
 */
export interface BackupHeader {
  readonly backup: 'tidings-embedded'
  /** The form of this stream. */
  readonly form: number
  /** The format of the store in it, as the store's own marker says it. */
  readonly format: number
  /** When its cut was made: milliseconds since 1970. */
  readonly takenAt: number
  /** Of the data file. */
  readonly bytes: number
}

export const backupForm = 1
const longestHeaderBytes = 10_000
const digestBytes = 65

export type BackupStream = AsyncIterable<Uint8Array>

/** The stream of a data file that is read in pieces. */
export async function* writeBackup(header: BackupHeader, data: BackupStream): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  const first = Buffer.from(`${JSON.stringify(header)}\n`)
  hash.update(first)
  yield first
  for await (const piece of data) {
    hash.update(piece)
    yield piece
  }
  yield Buffer.from(`${hash.digest('hex')}\n`)
}

/**
 * Reads a backup: the header, and the pieces of the data file. The pieces reject at their end as `store-corrupt` when
 * the backup is not whole, so nothing of it counts before they have ended.
 */
export async function readBackup(
  stream: BackupStream,
): Promise<{ readonly header: BackupHeader; readonly data: AsyncGenerator<Uint8Array> }> {
  const pieces = stream[Symbol.asyncIterator]()
  let begin = Buffer.alloc(0)
  while (!begin.includes(10)) {
    const { done, value } = await pieces.next()
    if (done || begin.length > longestHeaderBytes) throw notABackup()
    begin = Buffer.concat([begin, value])
  }
  const end = begin.indexOf(10) + 1
  const header = parseHeader(begin.subarray(0, end))
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    yield begin.subarray(end)
    yield* { [Symbol.asyncIterator]: () => pieces }
  }
  return { header, data: checked(header, begin.subarray(0, end), rest()) }
}

/** The same pieces, rejecting at the end when they were no whole backup. */
export async function* checkBackup(stream: BackupStream): AsyncGenerator<Uint8Array> {
  const { header, data } = await readBackup(stream)
  yield* writeBackup(header, data)
}

async function* checked(header: BackupHeader, first: Uint8Array, rest: BackupStream): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256').update(first)
  let left = header.bytes
  let digest = Buffer.alloc(0)
  for await (const piece of rest) {
    const data = piece.subarray(0, left)
    left -= data.length
    hash.update(data)
    if (data.length > 0) yield data
    if (piece.length > data.length) digest = Buffer.concat([digest, piece.subarray(data.length)])
    if (digest.length > digestBytes) throw notWhole('it goes on behind its end')
  }
  if (digest.length < digestBytes) {
    throw notWhole(left > 0 ? `it was cut short: ${left} bytes of ${header.bytes} are missing` : 'it was cut short')
  }
  if (digest.toString('latin1') !== `${hash.digest('hex')}\n`) throw notWhole('its bytes are not those that were taken')
}

function parseHeader(line: Buffer): BackupHeader {
  let header: Partial<BackupHeader>
  try {
    header = JSON.parse(line.toString('utf8')) as Partial<BackupHeader>
  } catch (cause) {
    throw notABackup(cause)
  }
  if (header?.backup !== 'tidings-embedded' || !Number.isSafeInteger(header.form)) throw notABackup()
  if (header.form !== backupForm) {
    throw new TidingsError(
      'store-version',
      `The backup has form ${header.form}, this version reads form ${backupForm}; use the version of Tidings that took it or a newer one.`,
      { details: { form: header.form } },
    )
  }
  if (!Number.isSafeInteger(header.format) || !Number.isSafeInteger(header.bytes) || header.bytes! < 0)
    throw notABackup()
  return header as BackupHeader
}

function notABackup(cause?: unknown): TidingsError {
  const message = 'This is no backup of Tidings: it does not begin like one. Name a file that tidings backup wrote.'
  return new TidingsError('store-corrupt', message, { cause })
}

function notWhole(why: string): TidingsError {
  return new TidingsError('store-corrupt', `The backup is not whole: ${why}. Use another one.`)
}
