import { decodeBase64, encodeBase64, type Event } from '../event/index.ts'

type Template = Pick<Event, 'type' | 'key' | 'subject' | 'datacontenttype' | 'dataschema' | 'extensions' | 'data'>
/** The event of a schedule as it travels in JSON: its payload as `data_base64`, so that no parser changes it. */
export type WireTemplate = Omit<Template, 'data'> & { readonly data_base64?: string }

/** A schedule as it travels. */
export interface WireSchedule {
  readonly schedule: string
  readonly topic: string
  readonly expression: string
  readonly timeZone: string
  readonly catchUp: 'newest' | 'all'
  readonly event: WireTemplate
  readonly next?: number
  readonly last?: number
  readonly refused?: { readonly at: number; readonly message: string }
}

export function encodeTemplate({ data, ...attributes }: Template): WireTemplate {
  return data === undefined ? attributes : { ...attributes, data_base64: encodeBase64(data) }
}

/** A schedule with its payload as bytes. */
export function decodeSchedule({
  event,
  ...schedule
}: WireSchedule): Omit<WireSchedule, 'event'> & { event: Template } {
  const { data_base64: base64, ...attributes } = event
  const data = base64 === undefined ? undefined : decodeBase64(base64)
  return { ...schedule, event: data ? { ...attributes, data } : attributes }
}
