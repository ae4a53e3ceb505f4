import { randomUUID } from 'node:crypto'
import { TidingsError } from 'tidings'
import { eventOfAttributes, isJsonType, parseJson, type Event } from 'tidings/event'
import { nameAndValue } from '../arguments.ts'
import { UsageError } from '../failure.ts'

/** The options of `publish` that say what an event is, beside its payload. */
export interface EventOptions {
  readonly key?: string
  readonly id?: string
  readonly type?: string
  readonly source?: string
  readonly subject?: string
  readonly contentType?: string
  readonly attribute?: readonly string[]
  readonly keyField?: string
  readonly idField?: string
}

/** Makes events of payloads; what the options leave open is filled in as the server does for plain requests. */
export class EventMaker {
  readonly #options: EventOptions
  readonly #contentType: string
  readonly #common: ReadonlyMap<string, unknown>

  constructor(options: EventOptions, defaults: { readonly type: string | undefined; readonly source: string }) {
    const type = options.type ?? defaults.type
    this.#options = options
    this.#contentType = options.contentType ?? 'application/json'
    const named: Readonly<Record<string, string | undefined>> = {
      source: options.source ?? defaults.source,
      type,
      partitionkey: options.key,
      subject: options.subject,
    }
    this.#common = new Map<string, unknown>([
      ['specversion', '1.0'],
      ...Object.entries(named).filter(([, value]) => value !== undefined),
      ...(options.attribute ?? []).map((each) => nameAndValue(each, '--attribute')),
    ])
  }

  /** `data` is absent for an event without a payload. */
  event(data?: Uint8Array): Event {
    const { id, keyField, idField } = this.#options
    const attributes = new Map(this.#common)
    attributes.set('id', id ?? randomUUID())
    if (data) {
      attributes.set('datacontenttype', this.#contentType)
      if (isJsonType(this.#contentType)) this.#checkJson(data)
      if (keyField !== undefined) attributes.set('partitionkey', member(data, keyField, '--key-field'))
      if (idField !== undefined) attributes.set('id', member(data, idField, '--id-field'))
    }
    return eventOfAttributes(attributes, data)
  }

  #checkJson(data: Uint8Array): void {
    try {
      parseJson(data, 'event-invalid', 'The payload')
    } catch (error) {
      if (!(error instanceof TidingsError)) throw error
      const next =
        this.#options.contentType === undefined ? ' Is it no JSON? Then say what it is with --content-type.' : ''
      throw new TidingsError(error.code, `${error.message}${next}`, { cause: error })
    }
  }
}

/** The text or the number at the top of a JSON payload that names its key or its id. */
function member(data: Uint8Array, field: string, option: string): string {
  const value = parseJson(data, 'event-invalid', 'The payload')
  const found =
    typeof value === 'object' && value !== null && Object.hasOwn(value, field)
      ? (value as Record<string, unknown>)[field]
      : undefined
  if (typeof found === 'string' && found !== '') return found
  if (Number.isSafeInteger(found)) return String(found)
  throw new TidingsError(
    'event-invalid',
    `The payload has no text or whole number in "${field}", where ${option} looks for it.`,
  )
}

/** Options that make no sense together. */
export function checkEventOptions(
  options: EventOptions & { readonly ndjson?: boolean; readonly events?: boolean; readonly empty?: boolean },
): void {
  const given = (['key', 'id', 'type', 'source', 'subject', 'contentType', 'attribute', 'keyField', 'idField'] as const)
    .filter((name) => options[name] !== undefined)
    .map((name) => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
  if (options.events && given.length > 0) {
    throw new UsageError(`With --events each line says all of its event; leave out ${given.join(', ')}.`)
  }
  if (options.ndjson && options.id !== undefined) {
    throw new UsageError('--id would give all lines one id; take it from each with --id-field <field>.')
  }
  if (options.key !== undefined && options.keyField !== undefined) {
    throw new UsageError('--key and --key-field exclude each other; choose one.')
  }
  if (options.id !== undefined && options.idField !== undefined) {
    throw new UsageError('--id and --id-field exclude each other; choose one.')
  }
  if (options.contentType !== undefined && !isJsonType(options.contentType)) {
    const field = options.keyField ?? options.idField
    if (field !== undefined)
      throw new UsageError(`"${field}" can be looked up in JSON only, not in ${options.contentType}.`)
  }
}
