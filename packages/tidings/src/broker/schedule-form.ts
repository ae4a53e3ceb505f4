import { TidingsError } from '../errors.ts'
import { decodeBase64, encodeBase64, validateName, type Event } from '../event/index.ts'
import type { StoredSchedule, StoredTopic } from './catalog.ts'
import { checkEvent } from './check-event.ts'
import type { NextDue } from './due-times.ts'
import type { ScheduleDefinition, ScheduledTemplate } from './port/schedules.ts'

/** The event that a schedule publishes for one due time: the same on every server, so that its identity is enough. */
export function eventOf({ schedule, event }: Pick<StoredSchedule, 'schedule' | 'event'>, due: number): Event {
  const time = new Date(due).toISOString()
  return { ...templateOf(event), id: time, source: schedule, time }
}

export function templateOf({ data, ...template }: StoredSchedule['event']): ScheduledTemplate {
  const bytes = data === undefined ? undefined : decodeBase64(data)
  return { ...template, ...(bytes && { data: bytes }) }
}

/** A definition in the form that is kept, or a refusal that says what is wrong with it. `now` is where it begins. */
export function checkSchedule(
  definition: ScheduleDefinition,
  { topic, nextDue, now, maxPayloadBytes }: CheckScheduleOptions,
): StoredSchedule {
  const { schedule, expression, timeZone = 'UTC', catchUp = 'newest' } = definition
  checkScheduleName(schedule)
  if (!['newest', 'all'].includes(catchUp)) {
    throw new TidingsError('bad-request', `"catchUp" must be newest or all; it was ${catchUp}.`)
  }
  if (topic.kind === 'entity') {
    throw new TidingsError(
      'bad-request',
      `The topic ${topic.topic} tells the states of an entity, and these do not recur; let the schedule publish an event or a task.`,
    )
  }
  const due = firstDue(nextDue, { expression, timeZone, after: now })
  const { type, key, subject, datacontenttype, dataschema, extensions, data } = definition.event
  const event: StoredSchedule['event'] = {
    type,
    ...(key !== undefined && { key }),
    ...(subject !== undefined && { subject }),
    ...(datacontenttype !== undefined && { datacontenttype }),
    ...(dataschema !== undefined && { dataschema }),
    ...(extensions !== undefined && { extensions }),
    ...(data !== undefined && { data: encodeBase64(data) }),
  }
  checkEvent(eventOf({ schedule, event }, due), { topic: topic.topic, kind: topic.kind, maxPayloadBytes })
  return { schedule, topic: topic.topic, expression, timeZone, catchUp, event, since: now }
}

export interface CheckScheduleOptions {
  readonly topic: StoredTopic
  readonly nextDue: NextDue | undefined
  readonly now: number
  readonly maxPayloadBytes: number
}

export function checkScheduleName(schedule: string): string {
  validateName(schedule, 'schedule')
  if (schedule.includes('.')) return schedule
  throw new TidingsError(
    'name-invalid',
    `"${schedule}" is not a schedule name: it begins with the name of its service, as in "billing.${schedule}".`,
  )
}

function firstDue(
  nextDue: NextDue | undefined,
  request: { readonly expression: string; readonly timeZone: string; readonly after: number },
): number {
  if (!nextDue) {
    throw new TidingsError(
      'bad-request',
      'This broker keeps no schedules, because it was made without a reader of cron expressions; give createBroker() the option nextDue, or use a server.',
    )
  }
  let due: number | undefined
  try {
    due = nextDue(request)
  } catch (cause) {
    throw new TidingsError('bad-request', `The schedule cannot be read: ${(cause as Error).message}`, { cause })
  }
  if (due !== undefined) return due
  throw new TidingsError('bad-request', `"${request.expression}" is never due; check the day and the month.`)
}
