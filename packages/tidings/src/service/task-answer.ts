import type { Delivery, OutcomeAction } from '../broker/port/deliveries.ts'
import { anything, encodePayload, type EventType } from '../contract/index.ts'
import { TerminalError, TidingsError } from '../errors.ts'
import type { Handler } from './handler.ts'

/** Whether somebody waits for what becomes of this delivery. */
export function wantsAnswer({ handler }: { readonly handler: Handler }, { event }: Delivery): boolean {
  return handler.types.get(event.type)?.kind === 'task' && event.extensions?.['replyto'] !== undefined
}

/** The payload of an answer: `null` where there is nothing to say beyond that the task is done. */
export async function encodeAnswer(task: EventType, value: unknown): Promise<Uint8Array> {
  const { key: _, result = anything, ...rest } = task
  try {
    const answer = { ...rest, key: undefined, type: `${task.type}.accepted`, schema: result }
    return (await encodePayload(answer, value === undefined && !task.result ? null : value)).data
  } catch (cause) {
    if (!(cause instanceof TidingsError)) throw cause
    throw new TerminalError(`The answer cannot be given: ${cause.message}`, { cause })
  }
}

export function acknowledge(answer: Uint8Array | undefined): OutcomeAction {
  if (!answer) return { action: 'ack' }
  return { action: 'ack', result: { datacontenttype: 'application/json', data: answer } }
}
