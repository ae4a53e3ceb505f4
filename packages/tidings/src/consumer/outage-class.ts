/** Errors of the network, of Node and of its `fetch`, that say nothing about the event. */
const networkCodes: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
])
const deepestCause = 5

interface Known {
  readonly name?: unknown
  readonly code?: unknown
  readonly status?: unknown
  readonly statusCode?: unknown
  readonly response?: unknown
  readonly headers?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/**
 * What was out of reach when a handler failed with this error: a code of the network (`ECONNREFUSED`), `timeout`,
 * `unavailable` (a broker), or `http-429` and `http-500` to `http-599`. `undefined` for errors that may be the event's
 * own fault. Looks at causes too, and at `status`, `statusCode` and `response.status`, where HTTP clients put them.
 */
export function outageClassOf(error: unknown): string | undefined {
  return first(error, ({ name, code, ...rest }) => {
    if (typeof code === 'string' && networkCodes.has(code)) return code
    if (name === 'TimeoutError') return 'timeout'
    if (name === 'TidingsError' && code === 'unavailable') return code
    const status = statusOf(rest)
    return status === undefined ? undefined : `http-${status}`
  })
}

/**
 * How long the answer behind this error asks to wait, in milliseconds: its `Retry-After` (RFC 9110, 10.2.3), in seconds
 * or as a date. `undefined` where there is none.
 */
export function retryAfterOf(error: unknown, now: number): number | undefined {
  return first(error, ({ headers, response }) => {
    const text = header(headers) ?? (isObject(response) ? header(response.headers) : undefined)
    if (text === undefined) return undefined
    const afterMs = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
    return Number.isFinite(afterMs) ? Math.max(0, afterMs) : undefined
  })
}

/** The first answer for an error, those that it is made of, or its causes. */
function first<Answer>(error: unknown, look: (error: Known) => Answer | undefined, depth = 0): Answer | undefined {
  if (!isObject(error) || depth > deepestCause) return undefined
  const found = look(error)
  if (found !== undefined) return found
  const inside = [error.cause, ...(Array.isArray(error.errors) ? (error.errors as unknown[]) : [])]
  for (const other of inside) {
    const answer = first(other, look, depth + 1)
    if (answer !== undefined) return answer
  }
  return undefined
}

function statusOf({ status, statusCode, response }: Known): number | undefined {
  const found = [status, statusCode, isObject(response) ? response.status : undefined]
  return found.find(
    (value): value is number => typeof value === 'number' && (value === 429 || (value >= 500 && value < 600)),
  )
}

function header(headers: unknown): string | undefined {
  if (!isObject(headers)) return undefined
  const text: unknown = 'get' in headers && typeof headers.get === 'function' ? headers.get('retry-after') : undefined
  const plain = text ?? (headers as Readonly<Record<string, unknown>>)['retry-after']
  return typeof plain === 'string' ? plain : undefined
}

function isObject(value: unknown): value is Known {
  return typeof value === 'object' && value !== null
}
