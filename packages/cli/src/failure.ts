import { TidingsError, type ErrorCode } from 'tidings'

/** What the command's exit says; documented in docs/reference/cli.md. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, checkFailed: 3, different: 4, unfinished: 5 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The command line itself is wrong: said in one line, with what to type instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Something failed that is no error of the broker: a file that cannot be read, a question answered with no. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** What an error comes to at the end of a command. */
export interface Failure {
  readonly exitCode: ExitCode
  /** A code of the broker, `usage` or `failure`. */
  readonly code: string
  readonly message: string
  /** What to type next. */
  readonly hint?: string
  readonly retryable: boolean
  readonly details?: Readonly<Record<string, unknown>>
}

/** What the broker says of an argument is a fault of the command line as well. */
const usageCodes: ReadonlySet<ErrorCode> = new Set(['bad-request', 'name-invalid', 'key-invalid'])

/** Something was looked at and is not as it must be. */
const checkCodes: ReadonlySet<ErrorCode> = new Set(['contract-incompatible', 'contract-undecided'])

const hints: Partial<Record<ErrorCode, string>> = {
  'topic-unknown': 'tidings topics list shows those that exist, tidings topics create makes one.',
  'subscription-unknown': 'tidings subscriptions list shows those that exist, tidings subscriptions create makes one.',
  'namespace-unknown': 'Choose one with --namespace; tidings server --namespace <name> makes one.',
  'position-unknown': 'tidings topics show <topic> shows the position of its newest event in its present life.',
  'dead-letter-unknown': 'tidings dead-letters list shows those that are there.',
  'push-unknown': 'tidings subscriptions push set <subscription> <url> makes one.',
  'dead-letter-edited': 'tidings dead-letters list shows it as it is; --edit <number> says which edit you mean.',
  'redrive-unknown': 'tidings redrives list shows those that there were.',
  'scheduled-unknown': 'tidings scheduled list shows what waits for its time.',
  'schedule-unknown': 'tidings schedules list shows those that there are.',
  'service-conflict': 'tidings services replace says that the other database takes the place of the first.',
  'contract-unknown': 'tidings contracts shows those that there are.',
  unauthenticated: 'Give a token with TIDINGS_TOKEN, or with --token where nobody else sees your processes.',
  forbidden: 'Act as the service that owns it with --principal <service>, or with its token.',
  unavailable: 'Start a server with tidings server, or say where it is with --url; tidings doctor looks for the fault.',
  'port-in-use': 'Choose another one with --port; tidings doctor says who answers there.',
  'store-locked': 'Stop the other server, or choose another folder with --data.',
}

/** What to say about an error, and which exit code it gives. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) {
    return { exitCode: exitCodes.usage, code: 'usage', message: error.message, retryable: false }
  }
  if (error instanceof TidingsError) {
    const hint = hints[error.code]
    return {
      exitCode: exitCodeOf(error.code),
      code: error.code,
      message: error.message,
      ...(hint !== undefined && { hint }),
      retryable: error.retryable,
      ...(Object.keys(error.details).length > 0 && { details: error.details }),
    }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { exitCode: exitCodes.failure, code: 'failure', message, retryable: false }
}

function exitCodeOf(code: ErrorCode): ExitCode {
  if (usageCodes.has(code)) return exitCodes.usage
  return checkCodes.has(code) ? exitCodes.checkFailed : exitCodes.failure
}
