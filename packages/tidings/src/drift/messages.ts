import { boolean, integer, list, object, oneOf, optional, text, type Shape, type ValueOf } from '../protocol/shape.ts'

/** The forms of what an owner is asked about single keys, and of what it answers: version 1 of what stands here. */

const mostKeys = 100

const key = text({ maxLength: 4_096 })
const subject = { version: oneOf(1), topic: text({ maxLength: 255 }) }
const time = integer(0, Number.MAX_SAFE_INTEGER)
const entityVersion = {
  sourceepoch: integer(0, Number.MAX_SAFE_INTEGER),
  sequence: text({ pattern: /^\d{1,20}$/, description: '1 to 20 digits' }),
}
const anything = text({ maxLength: 100_000_000 })

export const requests = {
  standing: object({ ...subject, keys: list(key, mostKeys) }),
  'publish-again': object({
    ...subject,
    requests: list(object({ key, above: optional(object(entityVersion)) }), mostKeys),
  }),
} as const

const standing = object({
  key,
  isPresent: boolean(),
  state: optional(anything),
  dataschema: optional(anything),
  refusal: optional(anything),
  version: optional(object({ ...entityVersion, isPresent: boolean() })),
  unsent: list(object({ version: optional(object(entityVersion)), writtenAt: time }), 1_000_000),
  held: list(object({ id: time, heldAt: time, code: anything, reason: anything }), 1_000_000),
  isListing: boolean(),
})
const published = object({
  key,
  status: oneOf('published'),
  version: object(entityVersion),
  isPresent: boolean(),
  released: time,
})
const refused = object({ key, status: oneOf('refused'), code: anything, message: anything })

export const answers = {
  standing: object({ version: oneOf(1), standings: list(standing, mostKeys) }),
  'publish-again': object({ version: oneOf(1), answers: list(publishedOrRefused(), mostKeys) }),
} as const

export type Asked = keyof typeof requests
export type AnswerOf<Name extends Asked> = ValueOf<(typeof answers)[Name]>

/** Both are objects; their status tells them apart. */
function publishedOrRefused(): Shape<ValueOf<typeof published> | ValueOf<typeof refused>> {
  return {
    schema: { anyOf: [published.schema, refused.schema] },
    read(value, path) {
      const isRefused = (value as { readonly status?: unknown } | null)?.status === 'refused'
      return isRefused ? refused.read(value, path) : published.read(value, path)
    },
  }
}
