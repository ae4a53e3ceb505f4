import { TidingsError } from '../errors.ts'
import type { TopicKind } from '../engine/index.ts'
import type { Caller } from './port/broker.ts'

/**
 * What a caller wants to do. `inspect` reads descriptions and figures of one topic or subscription, `monitor` figures
 * and alarms of a whole namespace, `operate` is for operators' actions, `backup` takes everything that is stored.
 */
export type Action = 'publish' | 'read' | 'consume' | 'define' | 'remove' | 'inspect' | 'operate' | 'monitor' | 'backup'

export interface Resource {
  /** `replies`: it takes answers to tasks of its owner. */
  readonly topic?: { readonly name: string; readonly kind: TopicKind; readonly owner: string; readonly replies?: true }
  readonly subscription?: string
  readonly service?: string
  readonly schedule?: string
}

/** Decides about every call. Anything but `true` is a refusal. */
export type Authorize = (caller: Caller, action: Action, resource: Resource) => boolean

/** Allows everything to everybody: for one process, for tests. */
export const allowAll: Authorize = () => true

/**
 * Services do what is theirs, operators everything, monitors see figures and descriptions. A service publishes to the entity and event topics that it owns
 * and to anybody's task topics, reads every topic that is not a topic of tasks or answers of somebody else, and defines and consumes
 * subscriptions, and defines schedules, under its own name.
 */
export function ownersOnly(options: { operators: readonly string[]; monitors?: readonly string[] }): Authorize {
  const operators = new Set(options.operators)
  const monitors = new Set(options.monitors)
  return ({ principal }, action, { topic, subscription, service, schedule }) => {
    if (operators.has(principal)) return true
    if (monitors.has(principal)) return action === 'inspect' || action === 'monitor'
    if (subscription !== undefined && subscription.split('.', 1)[0] !== principal) return false
    if (schedule !== undefined && schedule.split('.', 1)[0] !== principal) return false
    if (service !== undefined && service !== principal) return false
    if (!topic) return action !== 'operate' && action !== 'backup'
    if (action === 'inspect') return true
    if (action === 'publish') return !topic.replies && (topic.kind === 'task' || topic.owner === principal)
    if (action === 'read' || action === 'consume') {
      return (topic.kind !== 'task' && !topic.replies) || topic.owner === principal
    }
    return subscription !== undefined || topic.owner === principal
  }
}

export function refuse(caller: Caller, action: Action, resource: Resource): TidingsError {
  const what = resource.subscription ?? resource.schedule ?? resource.topic?.name ?? resource.service ?? 'this'
  return new TidingsError(
    'forbidden',
    `"${caller.principal}" may not ${action} ${what} in namespace "${caller.namespace}".`,
    {
      details: { principal: caller.principal, action, namespace: caller.namespace },
    },
  )
}
