import type { Event } from '../../event/index.ts'

export interface ScheduleDefinition {
  /** `<service>.<name>` */
  readonly schedule: string
  /** An event or task topic that the caller may publish to. */
  readonly topic: string
  /** A cron expression: five fields, or six with seconds first. */
  readonly expression: string
  /** A name of the IANA time zone database; `UTC` where absent. */
  readonly timeZone?: string
  /** What of the due times that passed while no server ran is published: `newest` (the default), or the newest 100. */
  readonly catchUp?: 'newest' | 'all'
  readonly event: ScheduledTemplate
}

/** The event without what each due time gives it: `id` and `time` (the due time, RFC 3339) and `source` (the schedule). */
export type ScheduledTemplate = Pick<
  Event,
  'type' | 'key' | 'subject' | 'datacontenttype' | 'dataschema' | 'extensions' | 'data'
>

export interface ScheduleDescription extends ScheduleDefinition {
  readonly timeZone: string
  readonly catchUp: 'newest' | 'all'
  /** When it is due next, in milliseconds since 1970; absent when it never is again. */
  readonly next?: number
  /** The newest due time that was published. */
  readonly last?: number
  /** The newest due time that its topic refused, as long as no later one was taken. */
  readonly refused?: { readonly at: number; readonly message: string }
}
