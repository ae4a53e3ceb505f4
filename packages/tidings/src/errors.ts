/**
 * Every error code of Tidings, in one table. `retryable` says whether the same call may succeed later
 * without a change by the caller. HTTP statuses are the server's business and stand there.
 */
const errorTable = {
  'bad-request': { retryable: false },
  'name-invalid': { retryable: false },
  'key-invalid': { retryable: false },
  'event-invalid': { retryable: false },
  'payload-too-large': { retryable: false },
  'range-too-large': { retryable: false },
  'schema-violation': { retryable: false },
  unreadable: { retryable: false },
  'id-conflict': { retryable: false },
  'behind-refused': { retryable: false },
  'producer-fenced': { retryable: false },
  'namespace-unknown': { retryable: false },
  'topic-unknown': { retryable: false },
  'topic-conflict': { retryable: false },
  'subscription-unknown': { retryable: false },
  'subscription-conflict': { retryable: false },
  'service-conflict': { retryable: false },
  'contract-unknown': { retryable: false },
  'contract-incompatible': { retryable: false },
  'contract-undecided': { retryable: false },
  'position-unknown': { retryable: false },
  'lease-lost': { retryable: false },
  'lease-out-of-order': { retryable: false },
  'dead-letter-unknown': { retryable: false },
  'dead-letter-edited': { retryable: false },
  'redrive-unknown': { retryable: false },
  'scheduled-unknown': { retryable: false },
  'schedule-unknown': { retryable: false },
  'push-unknown': { retryable: false },
  forbidden: { retryable: false },
  unauthenticated: { retryable: false },
  'ownership-lost': { retryable: true },
  'store-locked': { retryable: false },
  'store-corrupt': { retryable: false },
  'store-version': { retryable: false },
  'store-moved': { retryable: true },
  'store-occupied': { retryable: false },
  'store-full': { retryable: true },
  'spool-full': { retryable: true },
  'store-failed': { retryable: false },
  'protocol-version': { retryable: false },
  'protocol-violation': { retryable: false },
  'port-in-use': { retryable: false },
  unavailable: { retryable: true },
  stopped: { retryable: true },
  'replica-not-ready': { retryable: true },
  'replica-conflict': { retryable: false },
  'database-not-durable': { retryable: false },
  'database-busy': { retryable: true },
  'database-failed': { retryable: true },
  'commit-unknown': { retryable: false },
  'transaction-misuse': { retryable: false },
  internal: { retryable: true },
} as const satisfies Record<string, { retryable: boolean }>

export type ErrorCode = keyof typeof errorTable

/** The codes, for those who map them to something else (HTTP statuses, exit codes). */
export const errorCodes = Object.keys(errorTable) as readonly ErrorCode[]

export interface TidingsErrorOptions {
  /** The ids that a caller needs to act: topic, subscription, key, path … */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** An error that a caller can act on: `code` says what, the message says where and what to do next. */
export class TidingsError extends Error {
  override readonly name = 'TidingsError'
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: TidingsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = errorTable[code].retryable
    this.details = options.details ?? {}
  }
}

/** A handler throws this when trying again is useless: the delivery is dead-lettered at once. */
export class TerminalError extends Error {
  override readonly name: string = 'TerminalError'
}

/**
 * A handler throws this when a task will not be done, for a reason that whoever asked should know: it is told the
 * message. Where nobody asked for an answer, it is a `TerminalError`.
 */
export class RefuseError extends TerminalError {
  override readonly name = 'RefuseError'
}

/**
 * A handler throws this to be tried again not earlier than `afterMs` milliseconds from then. `outage` names what was out
 * of reach, such as `http-503`; where it is absent, the cause may tell.
 */
export class RetryError extends Error {
  override readonly name = 'RetryError'
  readonly afterMs: number
  readonly outage: string | undefined

  constructor(message: string, options: { afterMs: number; outage?: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.afterMs = options.afterMs
    this.outage = options.outage
  }
}
