import { TidingsError } from '../errors.ts'
import type { AttributeValue, Event } from './event.ts'
import { hasLoneSurrogate, validateKey } from './names.ts'

/**
 * The context attributes of an event by their CloudEvents names, as they stand in headers and JSON members. What comes
 * from outside is checked here, by the rules of the specification and of the attributes that Tidings gives a meaning.
 */
export type Attributes = ReadonlyMap<string, unknown>

const longestAttributes = 16_384
const namePattern = /^[a-z0-9]{1,100}$/
const timePattern =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/
const mediaTypePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*(;.*)?$/
// What CloudEvents forbids in texts: control characters and Unicode's noncharacters.
const forbiddenPattern = /[\p{Cc}\p{Noncharacter_Code_Point}]/u
const integerRange = 2 ** 31

/** The event that these attributes and this payload make; refuses as `event-invalid` or `key-invalid` what is wrong with them. */
export function eventOfAttributes(attributes: Attributes, data: Uint8Array | undefined): Event {
  const version = attributes.get('specversion')
  if (version !== '1.0') {
    throw invalid(`"specversion" is ${version === undefined ? 'missing' : JSON.stringify(version)}; it must be "1.0"`)
  }
  const event: { -readonly [Name in keyof Event]: Event[Name] } = {
    id: requiredText(attributes, 'id'),
    source: requiredText(attributes, 'source'),
    type: requiredText(attributes, 'type'),
  }
  const extensions: Record<string, AttributeValue> = {}
  let length = 0
  for (const [name, value] of attributes) {
    length += name.length + (typeof value === 'string' ? value.length : 8)
    if (value === null || value === undefined || requiredNames.has(name)) continue
    if (!namePattern.test(name) || name === 'data') {
      throw invalid(`${JSON.stringify(name)} is not an attribute name; use lower-case letters and digits`)
    }
    const read = knownAttributes.get(name)
    if (read) Object.assign(event, read(value))
    else extensions[name] = extensionValue(name, value)
  }
  if (length > longestAttributes) {
    throw invalid(
      `its attributes have ${length} characters, at most ${longestAttributes} are accepted; move some of it into the payload`,
    )
  }
  if (Object.keys(extensions).length > 0) event.extensions = extensions
  if (data !== undefined) event.data = data
  return event
}

/** The attributes of an event by their CloudEvents names, `specversion` first. */
export function attributesOf(event: Event): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>([
    ['specversion', '1.0'],
    ['id', event.id],
    ['source', event.source],
    ['type', event.type],
  ])
  if (event.key !== undefined) attributes.set('partitionkey', event.key)
  if (event.subject !== undefined) attributes.set('subject', event.subject)
  if (event.time !== undefined) attributes.set('time', event.time)
  if (event.datacontenttype !== undefined) attributes.set('datacontenttype', event.datacontenttype)
  if (event.dataschema !== undefined) attributes.set('dataschema', event.dataschema)
  if (event.sequence !== undefined) attributes.set('sequence', event.sequence)
  if (event.sourceepoch !== undefined) attributes.set('sourceepoch', event.sourceepoch)
  for (const [name, value] of Object.entries(event.extensions ?? {})) attributes.set(name, value)
  return attributes
}

/** Whether a payload of this content type is JSON; CloudEvents says so of an absent one too. */
export function isJsonType(datacontenttype: string | undefined): boolean {
  if (datacontenttype === undefined) return true
  return /^[^/;]+\/([^;]*\+)?json\s*(;|$)/i.test(datacontenttype)
}

const requiredNames = new Set(['specversion', 'id', 'source', 'type'])

/** How the attributes with a place of their own in an event are read. */
const knownAttributes = new Map<string, (value: unknown) => Partial<Event>>([
  ['partitionkey', (value) => ({ key: validateKey(value) })],
  ['subject', (value) => ({ subject: text('subject', value) })],
  [
    'time',
    (value) => ({
      time: matching('time', value, timePattern, 'a time as RFC 3339 writes it, such as 2030-01-31T12:00:00Z'),
    }),
  ],
  [
    'datacontenttype',
    (value) => ({
      datacontenttype: matching('datacontenttype', value, mediaTypePattern, 'a media type, such as application/json'),
    }),
  ],
  ['dataschema', (value) => ({ dataschema: text('dataschema', value) })],
  ['sequence', (value) => ({ sequence: matching('sequence', digits(value), /^\d{1,20}$/, '1 to 20 decimal digits') })],
  [
    'sourceepoch',
    (value) => ({ sourceepoch: Number(matching('sourceepoch', digits(value), /^\d{1,15}$/, 'a whole number')) }),
  ],
])

/** A number that a JSON parser may have rounded stays a number, and is refused as such. */
function digits(value: unknown): unknown {
  return Number.isSafeInteger(value) ? String(value) : value
}

function requiredText(attributes: Attributes, name: string): string {
  const value = attributes.get(name)
  if (value === undefined || value === null) throw invalid(`the attribute "${name}" is missing; add it`)
  return text(name, value)
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '')
    throw invalid(`"${name}" must be a text that is not empty, not ${JSON.stringify(value)}`)
  return wellFormed(name, value)
}

function matching(name: string, value: unknown, pattern: RegExp, wanted: string): string {
  if (typeof value === 'string' && pattern.test(value)) return wellFormed(name, value)
  throw invalid(`"${name}" must be ${wanted}, not ${JSON.stringify(value)}`)
}

function extensionValue(name: string, value: unknown): AttributeValue {
  if (typeof value === 'string') return wellFormed(name, value)
  if (typeof value === 'boolean') return value
  if (Number.isInteger(value) && (value as number) >= -integerRange && (value as number) < integerRange)
    return value as number
  throw invalid(
    `"${name}" must be a text, a boolean or a whole number of 32 bits, not ${JSON.stringify(value)?.slice(0, 60)}; send it as text`,
  )
}

function wellFormed(name: string, value: string): string {
  if (forbiddenPattern.test(value)) throw invalid(`"${name}" holds a control character or a noncharacter of Unicode`)
  if (hasLoneSurrogate(value)) throw invalid(`"${name}" holds half of a surrogate pair`)
  return value
}

function invalid(reason: string): TidingsError {
  return new TidingsError('event-invalid', `The event is not a CloudEvent 1.0: ${reason}.`)
}
