import { Agent as PlainAgent, request as plainRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { rootCertificates } from 'node:tls'
import { TidingsError, type Environment } from 'tidings'
import type { Guard } from './guard.ts'

export interface Outgoing {
  readonly method: 'POST' | 'OPTIONS'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** From here to the head of the answer, name resolution and TLS included. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingMessage['headers']
}

/** Sends one request and answers with the head of the reply; rejects with the reason when there was none. */
export type Exchange = (outgoing: Outgoing) => Promise<Reply>

/** Nobody reads what stands in a reply; a longer one ends the connection instead of being read to its end. */
const mostReplyBytes = 65_536

/**
 * Requests to addresses that the guard allows, on connections that are kept for the next one. Redirects are not
 * followed, and no proxy of the surroundings is asked.
 */
export function createExchange(options: {
  readonly guard: Guard
  readonly environment: Environment
  /** Certificates in PEM that are trusted beside those of well-known authorities. */
  readonly trust?: readonly string[]
}): { readonly exchange: Exchange; readonly close: () => void } {
  const { guard, environment, trust } = options
  const authorities = trust && [...rootCertificates, ...trust]
  const agents = { 'http:': new PlainAgent({ keepAlive: true }), 'https:': new SecureAgent({ keepAlive: true }) }
  const open = (outgoing: Outgoing, fresh: boolean): ClientRequest => {
    const { method, url, headers, body } = outgoing
    // The connection asks `lookup` for names only; an address in the URL is checked here.
    guard.check(url.href)
    const send = url.protocol === 'https:' ? secureRequest : plainRequest
    return send(url, {
      method,
      agent: fresh ? false : agents[url.protocol as keyof typeof agents],
      ...(authorities && { ca: authorities }),
      lookup: guard.lookup(url),
      headers: {
        ...headers,
        ...(method === 'POST' && { 'content-length': String(body.length) }),
      },
    })
  }
  const exchange = async (outgoing: Outgoing): Promise<Reply> => {
    try {
      return await once(open(outgoing, false), outgoing, environment)
    } catch (error) {
      // A connection that was kept may have ended at the other side in the same moment; that is nobody's failure.
      if (!(error instanceof StaleConnection)) throw error
      return once(open(outgoing, true), outgoing, environment)
    }
  }
  const close = (): void => {
    agents['http:'].destroy()
    agents['https:'].destroy()
  }
  return { exchange, close }
}

class StaleConnection extends Error {}

function once(request: ClientRequest, outgoing: Outgoing, environment: Environment): Promise<Reply> {
  const { body, timeoutMs, signal } = outgoing
  return new Promise((resolve, reject) => {
    const cancel = environment.timers.after(timeoutMs, () => {
      request.destroy(new Error(`no answer within ${timeoutMs} ms`))
    })
    const abort = (): void => void request.destroy(new Error('the server stops'))
    signal?.addEventListener('abort', abort, { once: true })
    request.once('response', (response) => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers })
      discard(response)
    })
    request.once('error', (error: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      reject(stale ? new StaleConnection() : new Error(reasonOf(error), { cause: error }))
    })
    request.once('upgrade', (_, socket) => {
      socket.destroy()
      reject(new Error('it asked for another protocol'))
    })
    request.once('close', () => {
      cancel()
      signal?.removeEventListener('abort', abort)
      reject(new Error('it closed the connection without an answer'))
    })
    if (signal?.aborted) abort()
    request.end(body)
  })
}

function discard(response: IncomingMessage): void {
  let bytes = 0
  response.on('error', () => undefined)
  response.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length
    if (bytes > mostReplyBytes) response.destroy()
  })
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error instanceof TidingsError || error.code === undefined) return error.message
  return error.message.includes(error.code) ? error.message : `${error.code}: ${error.message}`
}
