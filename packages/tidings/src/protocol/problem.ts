import { errorCodes, TidingsError, type ErrorCode } from '../errors.ts'

/** An error as it travels: a problem document (RFC 9457) with the members that programs decide by. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly detail: string
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly details?: Readonly<Record<string, unknown>>
}

/** What a caller may see of an error. One that is not ours says nothing about the inside. */
export function problemOf(error: unknown): Problem {
  const shown =
    error instanceof TidingsError
      ? error
      : new TidingsError('internal', 'The server failed to do this and wrote down why in its log; try again later.')
  return {
    type: `urn:tidings:error:${shown.code}`,
    title: shown.code,
    detail: shown.message,
    code: shown.code,
    retryable: shown.retryable,
    ...(Object.keys(shown.details).length > 0 && { details: shown.details }),
  }
}

/** The error that a problem stands for; `undefined` when the value is no problem of ours. */
export function errorOfProblem(value: unknown): TidingsError | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { code, detail, details } = value as Partial<Problem>
  if (!errorCodes.includes(code as ErrorCode) || typeof detail !== 'string') return undefined
  return new TidingsError(code as ErrorCode, detail, details && typeof details === 'object' ? { details } : {})
}
