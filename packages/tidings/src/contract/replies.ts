import type { EventType } from './event-type.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'
import { dataschemaOf, onlyVersion } from './versions.ts'

/** A topic of a contract for the answers to tasks that its service sends. */
export interface Replies<Service extends string = string, Topic extends string = string> {
  readonly kind: 'replies'
  readonly service: Service
  readonly topic: Topic
}

/** Why a task will not be done. */
export interface Refusal {
  readonly reason: string
}

/**
 * The answers to one task as they come into a topic for answers: pass them to `service.on`. `accepted` carries what the
 * task's service answered with, `refused` the reason.
 */
export function answersTo<Service extends string, Type extends string, Result>(
  replies: Replies<Service>,
  task: EventType<string, 'task', Type, unknown, unknown, Result>,
): {
  readonly accepted: EventType<Service, 'event', `${Type}.accepted`, Result, Result>
  readonly refused: EventType<Service, 'event', `${Type}.refused`, Refusal, Refusal>
} {
  const { service, topic } = replies
  const shared = { kind: 'event', service, topic, key: undefined, jsonSchema: undefined, ...onlyVersion } as const
  const typed = <Name extends string>(type: Name) => ({ type, dataschema: dataschemaOf(type, 1) })
  const result = (task.result ?? anything) as StandardSchemaV1<Result, Result>
  return {
    accepted: { ...shared, ...typed(`${task.type}.accepted` as const), schema: result },
    refused: { ...shared, ...typed(`${task.type}.refused` as const), schema: refusal },
  }
}

/** The schema of an answer whose task says nothing of it. */
export const anything: StandardSchemaV1 = {
  '~standard': { version: 1, vendor: 'tidings', validate: (value) => ({ value }) },
}

const refusal: StandardSchemaV1<Refusal> = {
  '~standard': {
    version: 1,
    vendor: 'tidings',
    validate(value) {
      const reason = typeof value === 'object' && value !== null && 'reason' in value ? value.reason : undefined
      if (typeof reason === 'string') return { value: { reason } }
      return { issues: [{ message: 'Invalid input: expected a text', path: ['reason'] }] }
    },
  },
}
