import { TidingsError, type ErrorCode } from 'tidings'
import { problemOf, problemType, type Problem } from 'tidings/protocol'
import type { FastifyReply } from 'fastify'

/** The HTTP status of each code; what is not named is a 400. */
const statuses: Partial<Record<ErrorCode, number>> = {
  unauthenticated: 401,
  forbidden: 403,
  'namespace-unknown': 404,
  'topic-unknown': 404,
  'subscription-unknown': 404,
  'dead-letter-unknown': 404,
  'dead-letter-edited': 409,
  'redrive-unknown': 404,
  'scheduled-unknown': 404,
  'schedule-unknown': 404,
  'push-unknown': 404,
  'topic-conflict': 409,
  'subscription-conflict': 409,
  'service-conflict': 409,
  'contract-unknown': 404,
  'contract-incompatible': 409,
  'contract-undecided': 409,
  'id-conflict': 409,
  'behind-refused': 409,
  'producer-fenced': 409,
  'lease-lost': 409,
  'lease-out-of-order': 409,
  'position-unknown': 410,
  'payload-too-large': 413,
  'schema-violation': 422,
  internal: 500,
  'store-failed': 500,
  'store-corrupt': 500,
  'store-version': 500,
  'store-locked': 500,
  'store-occupied': 500,
  'store-moved': 503,
  unavailable: 503,
  stopped: 503,
  'ownership-lost': 503,
  'store-full': 507,
  'spool-full': 507,
}

/** How long a client waits at least before it repeats what was refused for the moment. */
const retryAfterSeconds = 1

export function statusOf(code: ErrorCode): number {
  return statuses[code] ?? 400
}

/** A status that says more than the one of its code. */
export class StatusError extends TidingsError {
  readonly status: number

  constructor(status: number, message: string) {
    super('bad-request', message)
    this.status = status
  }
}

export function sendProblem(reply: FastifyReply, error: unknown): FastifyReply {
  const problem: Problem = problemOf(error)
  const status = error instanceof StatusError ? error.status : statusOf(problem.code)
  if (status === 401) void reply.header('www-authenticate', 'Bearer')
  if (problem.retryable) void reply.header('retry-after', String(retryAfterSeconds))
  return reply
    .code(status)
    .type(problemType)
    .send(JSON.stringify({ ...problem, status }))
}

/** What Fastify and Node complain about, in our words; what is nobody's fault but ours stays as it is. */
export function translated(error: unknown, bodyBytes: number): unknown {
  if (error instanceof TidingsError || !(error instanceof Error)) return error
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new TidingsError(
      'payload-too-large',
      `The body has more than ${bodyBytes} bytes; send fewer events in one request, or a reference to the data.`,
      { cause: error },
    )
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new StatusError(statusCode, `${error.message}.`)
  return error
}
