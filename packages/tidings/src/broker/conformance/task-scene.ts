import { assertEqual } from '../../engine/conformance/assert.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Event } from '../../event/index.ts'
import type { Broker, Caller } from '../port/broker.ts'
import type { Delivery, OutcomeAction } from '../port/deliveries.ts'
import type { PublishAnswer } from '../port/events.ts'
import { ids, type BrokerContext } from './case.ts'

export const tasksTopic = 'crm.check-credit'
export const work = 'crm.work'
export const replies = 'tester.replies'
export const answersRead = 'tester.answers'

/** A task topic of the service `crm`, and a topic for answers of the caller, `tester`. */
export class TaskScene {
  broker: Broker
  readonly caller: Caller

  private constructor({ broker, caller }: BrokerContext) {
    this.broker = broker
    this.caller = caller
  }

  static async open(context: BrokerContext, { maxAttempts = 2 } = {}): Promise<TaskScene> {
    const scene = new TaskScene(context)
    const { broker, caller } = scene
    await broker.putTopic(caller, { topic: tasksTopic, kind: 'task', owner: 'crm' })
    await broker.putTopic(caller, { topic: replies, kind: 'event', owner: caller.principal, replies: true })
    const retry = { quickDelaysMs: [1], minDelayMs: 1, maxDelayMs: 1, maxAttempts }
    await broker.putSubscription(caller, {
      subscription: work,
      topic: tasksTopic,
      from: 'beginning',
      policy: { retry },
    })
    await broker.putSubscription(caller, { subscription: answersRead, topic: replies, from: 'beginning' })
    return scene
  }

  async send(...tasks: Event[]): Promise<readonly PublishAnswer[]> {
    return this.broker.publish(this.caller, { topic: tasksTopic, events: tasks.map((event) => ({ event })) })
  }

  async take(id: string): Promise<Delivery> {
    const { deliveries } = await this.broker.pull(this.caller, { subscription: work, max: 1, waitMs: 10_000 })
    assertEqual(ids(deliveries), [id], 'the task')
    return deliveries[0]!
  }

  async settle({ lease }: Delivery, outcome: OutcomeAction): Promise<string> {
    const [answer] = await this.broker.settle(this.caller, {
      subscription: work,
      outcomes: [{ lease, ...outcome }],
    })
    return answer!.status === 'settled' ? 'settled' : answer!.code
  }

  /** Everything that is in the topic of the answers. */
  async answers(): Promise<readonly Event[]> {
    const { events } = await this.broker.read(this.caller, { topic: replies, limit: 1_000 })
    return events.map(({ event }) => event)
  }
}

/** A task that asks for an answer. */
export function task(id: string, more: Partial<Event> = {}, extensions: Event['extensions'] = {}): Event {
  return { id, source: 'tester', type: tasksTopic, extensions: { replyto: replies, ...extensions }, ...more }
}

/** Why a call was refused. */
export async function codeOf(call: Promise<unknown>): Promise<ErrorCode | 'accepted'> {
  return call.then(
    () => 'accepted',
    (error: unknown) => (error as { code: ErrorCode }).code,
  )
}
