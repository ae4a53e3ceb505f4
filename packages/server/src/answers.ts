import type { FastifyReply, FastifyRequest } from 'fastify'
import { formatStructured, type Event } from 'tidings/event'
import { encodeFrame, eventLists, frameType } from 'tidings/protocol'

/** Sends what an operation answered: nothing, plain JSON, or JSON or a frame with events. */
export function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: object | undefined,
  base64: boolean,
): FastifyReply {
  if (answer === undefined) return reply.code(204).send()
  const withEvents = Object.entries(answer).some(([name, value]) => holdsEvents(name, value))
  if (withEvents && (request.headers.accept ?? '').includes(frameType)) {
    const frame = encodeFrame(answer)
    return reply.type(frameType).send(Buffer.from(frame.buffer, 0, frame.length))
  }
  return reply.type('application/json').send(withEvents ? textOf(answer, base64) : JSON.stringify(answer))
}

function holdsEvents(name: string, value: unknown): boolean {
  return (eventLists as readonly string[]).includes(name) && Array.isArray(value)
}

/** JSON built by hand where payloads are, because these must not pass through a parser. */
export function textOf(answer: object, base64: boolean): string {
  const members = Object.entries(answer).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined) return []
    if (!holdsEvents(name, value)) return [`${JSON.stringify(name)}:${JSON.stringify(value)}`]
    const elements = (value as readonly { event: Event }[]).map(({ event, ...rest }) => {
      return `${JSON.stringify(rest).slice(0, -1)},"event":${formatStructured(event, { base64 })}}`
    })
    return [`${JSON.stringify(name)}:[${elements.join(',')}]`]
  })
  return `{${members.join(',')}}`
}
