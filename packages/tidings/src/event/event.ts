/**
 * An event as it travels and is stored: the context attributes of CloudEvents 1.0
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) and the payload, byte for byte.
 * `specversion` is always `1.0` and not kept.
 */
export interface Event {
  /** With `source` the identity of the event. */
  readonly id: string
  readonly source: string
  readonly type: string
  /** The ordering key; travels as the extension `partitionkey`. */
  readonly key?: string
  readonly subject?: string
  /** RFC 3339. */
  readonly time?: string
  readonly datacontenttype?: string
  readonly dataschema?: string
  /** The place among the versions of its entity: 1 to 20 decimal digits, compared as a number. */
  readonly sequence?: string
  /** Compared before `sequence`; raised when the owner's database was restored or the kind of source changed. */
  readonly sourceepoch?: number
  /** Every other attribute by its name (lower-case letters and digits), e.g. `traceparent`, `correlationid`. */
  readonly extensions?: Readonly<Record<string, AttributeValue>>
  readonly data?: Uint8Array
}

export type AttributeValue = string | number | boolean

/** The version of an entity: (`sourceepoch`, `sequence`), compared in that order. */
export interface EntityVersion {
  readonly sourceepoch: number
  /** Zero-padded to 20 digits. */
  readonly sequence: string
}

/** Formats a counter as a `sequence`: 20 decimal digits with leading zeros. */
export function formatSequence(counter: number | bigint | string): string {
  return String(counter).padStart(20, '0')
}

/** Negative when `left` is the older version, 0 when they are equal. */
export function compareVersions(left: EntityVersion, right: EntityVersion): number {
  if (left.sourceepoch !== right.sourceepoch) return left.sourceepoch - right.sourceepoch
  if (left.sequence === right.sequence) return 0
  return left.sequence < right.sequence ? -1 : 1
}

/**
 * The version that an event carries, or for one without `sequence` the version that its place in the topic gives it.
 * `offset` is the event's number within its topic.
 */
export function versionOf(event: Event, offset: number): EntityVersion {
  return { sourceepoch: event.sourceepoch ?? 0, sequence: formatSequence(event.sequence ?? offset) }
}

/** Whether an entity event says that its entity is gone: its type ends in `.deleted`. */
export function isTombstone(event: Event): boolean {
  return event.type.endsWith('.deleted')
}
