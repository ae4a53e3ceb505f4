import type { Caller } from '../broker/port/broker.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { validateName } from '../event/index.ts'
import {
  checkVersion,
  decodeFrame,
  errorOfProblem,
  frameType,
  pathOf,
  principalHeader,
  protocolLimits,
  protocolHeader,
  protocolVersion,
  routes,
  type Operation,
} from '../protocol/index.ts'

export interface HttpOptions {
  readonly url: string
  readonly token: string | undefined
  readonly fetch: typeof fetch
  readonly environment: Environment
  /** How long an answer may take, beyond what the request itself waits. */
  readonly timeoutMs: number
}

export interface HttpRequest {
  /** The names in the path. */
  readonly names?: Readonly<Record<string, string>>
  readonly query?: object
  /** Sent as JSON, or as a frame when it is bytes. */
  readonly body?: object | Uint8Array<ArrayBuffer>
  /** Sent as it is, as `contentType` where there is one. */
  readonly payload?: { readonly data: Uint8Array; readonly contentType?: string | undefined }
  readonly waitMs?: number
}

/** Requests to the HTTP API; every failure to get an answer is `unavailable` and names the server. */
export class Http {
  readonly #options: HttpOptions

  constructor(options: HttpOptions) {
    this.#options = options
  }

  /** The answer of one operation, events in place; an empty object where there is none. */
  async call<Answer extends object>(operation: Operation, caller: Caller, request: HttpRequest = {}): Promise<Answer> {
    const response = await this.#withTimeout(request, (signal) => this.#fetch(operation, caller, request, signal))
    return response as Answer
  }

  /** The answer of an operation that goes on without an end; `abort` ends it, with an error for whoever reads it. */
  async open(
    operation: Operation,
    caller: Caller,
    request: HttpRequest,
  ): Promise<{ body: ReadableStream<Uint8Array>; abort: (reason?: Error) => void }> {
    const ending = new AbortController()
    const abort = (reason?: Error): void => ending.abort(reason)
    const body = await this.#withTimeout(request, async (signal) => {
      signal.addEventListener('abort', () => ending.abort())
      const response = await this.#request(operation, caller, request, ending.signal)
      if (response.body && (response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
        return response.body
      }
      return this.#read(response)
    })
    if (body instanceof ReadableStream) return { body, abort }
    throw new TidingsError('protocol-violation', `${this.#options.url} sent no events; check the address.`)
  }

  async #fetch(operation: Operation, caller: Caller, request: HttpRequest, signal: AbortSignal): Promise<object> {
    return this.#read(await this.#request(operation, caller, request, signal))
  }

  async #request(
    operation: Operation,
    caller: Caller,
    { names, query, ...content }: HttpRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const { url, token } = this.#options
    // A header cannot carry every text, and says less well what is wrong with it.
    validateName(caller.principal, 'principal')
    const { type, body } = contentOf(content)
    return this.#options.fetch(`${url}${pathOf(operation, caller.namespace, names)}${queryOf(query)}`, {
      method: routes[operation].method,
      headers: {
        accept: `${frameType}, application/json`,
        [protocolHeader]: String(protocolVersion),
        [principalHeader]: caller.principal,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(type !== undefined && { 'content-type': type }),
      },
      ...(body !== undefined && { body }),
      signal,
    })
  }

  async #read(response: Response): Promise<object> {
    const version = response.headers.get(protocolHeader)
    const bytes = new Uint8Array(await response.arrayBuffer())
    if (version !== null) checkVersion(version, 'server')
    if (response.ok && version === null) {
      throw new TidingsError('protocol-violation', `${this.#options.url} is no Tidings server; check the address.`)
    }
    if (bytes.length === 0 && response.ok) return {}
    if ((response.headers.get('content-type') ?? '').startsWith(frameType)) return decodeFrame(bytes)
    const value = parsed(bytes)
    if (response.ok && value !== undefined) return value
    throw (
      errorOfProblem(value) ??
      new TidingsError(
        'unavailable',
        `${this.#options.url} answered "${response.status} ${response.statusText}", which is no answer of Tidings; something stands between.`,
      )
    )
  }

  async #withTimeout(request: HttpRequest, run: (signal: AbortSignal) => Promise<object>): Promise<object> {
    const { environment, timeoutMs, url } = this.#options
    const limitMs = timeoutMs + waitOf(request)
    const abort = new AbortController()
    const cancel = environment.timers.after(limitMs, () => abort.abort())
    try {
      return await run(abort.signal)
    } catch (cause) {
      if (cause instanceof TidingsError) throw cause
      const reason = abort.signal.aborted ? `no answer within ${limitMs} ms` : reasonOf(cause)
      throw new TidingsError(
        'unavailable',
        `The server at ${url} is out of reach (${reason}); it is safe to try again.`,
        { cause, details: { url } },
      )
    } finally {
      cancel()
    }
  }
}

function contentOf({ body, payload }: HttpRequest): {
  type?: string | undefined
  body?: string | Uint8Array<ArrayBuffer>
} {
  if (payload) return { type: payload.contentType, body: new Uint8Array(payload.data) }
  if (body === undefined) return {}
  if (body instanceof Uint8Array) return { type: frameType, body }
  return { type: 'application/json', body: JSON.stringify(body) }
}

/** How long the server may wait; a wait that is none is refused there, and must not end the request here before that. */
function waitOf({ waitMs = 0 }: HttpRequest): number {
  return waitMs > 0 && waitMs <= protocolLimits.waitMs ? waitMs : 0
}

function queryOf(query: object = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value))
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`
}

function parsed(bytes: Uint8Array): object | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** What `fetch` says is that it failed; why stands in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (cause instanceof Error) return 'code' in cause && cause.message === '' ? String(cause.code) : cause.message
  return error.message
}
