import { TidingsError } from '../../errors.ts'
import { boolean, integer, list, object, oneOf, optional, text, type ValueOf } from '../../protocol/shape.ts'
import type { Cut, Row } from '../side.ts'

/** Of what is asked and answered; another one for a message that means something else. */
export const proofVersion = 1

/** What one request may ask for. */
const limits = { columns: 1_000, keys: 1_000, parts: 256, rows: 1_000_000, hashes: 10_000 } as const

const key = text({ maxLength: 4_096 })
const range = object({ after: optional(key), upTo: optional(key) })
const subject = {
  version: oneOf(proofVersion),
  topic: text({ maxLength: 255 }),
  columns: list(text({ maxLength: 1_024 }), limits.columns),
}

/** What is asked, by route. */
const requests = {
  describe: object({ version: subject.version, topic: subject.topic }),
  digests: object({
    ...subject,
    range,
    // Either the first two, or the others; `open`: behind the last key there is one more part, to the end of all keys.
    cut: object({
      rows: optional(integer(1, limits.rows)),
      parts: optional(integer(1, limits.parts)),
      ends: optional(list(key, limits.parts)),
      open: optional(boolean()),
    }),
  }),
  hashes: object({ ...subject, range, limit: integer(1, limits.hashes) }),
  rows: object({ ...subject, keys: list(key, limits.keys) }),
} as const

const hash = text({ pattern: /^[0-9a-f]{16}$/, description: '16 hexadecimal digits' })
const found = object({
  key,
  values: list(list(text({ maxLength: 100_000_000 }), 2), limits.columns + 1),
  mark: text({ maxLength: 100_000_000 }),
  version: optional(text({ maxLength: 100 })),
})

/** What is answered, by route. */
export const answers = {
  describe: object({
    version: subject.version,
    key: text(),
    columns: list(text({ maxLength: 1_024 }), limits.columns),
  }),
  digests: object({
    version: subject.version,
    parts: list(object({ end: optional(key), count: integer(0, Number.MAX_SAFE_INTEGER), digest: hash }), 10_000),
  }),
  hashes: object({ version: subject.version, rows: list(object({ key, hash }), 1_000_000), end: optional(key) }),
  rows: object({ version: subject.version, rows: list(found, 100_000) }),
} as const

export type Asked = keyof typeof requests
type RequestOf<Name extends Asked> = ValueOf<(typeof requests)[Name]>
export type AnswerOf<Name extends Asked> = ValueOf<(typeof answers)[Name]>

/** Reads what is asked; another version is refused as such, before anything else of it is looked at. */
export function readRequest<Name extends Asked>(name: Name, body: unknown): RequestOf<Name> {
  checkProofVersion(body)
  return requests[name].read(body, 'request') as RequestOf<Name>
}

export function checkProofVersion(message: unknown): void {
  const version = (message as { readonly version?: unknown } | null)?.version
  if (version === proofVersion) return
  throw new TidingsError(
    'protocol-version',
    `Proofs are asked for in version ${proofVersion} here, and this one is in ${JSON.stringify(version) ?? 'none'}; bring both sides to the same version of Tidings.`,
  )
}

export function cutOf({ rows, parts, ends, open }: RequestOf<'digests'>['cut']): Cut {
  if (rows !== undefined && parts !== undefined && ends === undefined) return { rows, parts }
  if (ends !== undefined && rows === undefined && (open || ends.length > 0)) {
    return { ends: open ? [...ends, undefined] : ends }
  }
  throw new TidingsError('bad-request', 'request.cut must have "rows" and "parts", or "ends" and "open".')
}

export function wireCut(cut: Cut): RequestOf<'digests'>['cut'] {
  if ('rows' in cut) return cut
  const ends = cut.ends.filter((end) => end !== undefined)
  return { ends, open: ends.length < cut.ends.length }
}

export function wireRow({ key: name, values, mark, version }: Row): AnswerOf<'rows'>['rows'][number] {
  return { key: name, values: [...values], mark, ...(version !== undefined && { version }) }
}

export function rowOf({ key: name, values, mark, version }: AnswerOf<'rows'>['rows'][number]): Row {
  const pairs = values.map(([column = '', value = '']) => [column, value] as const)
  return { key: name, values: new Map(pairs), mark, ...(version !== undefined && { version }) }
}
