import type { Broker } from '../broker/port/broker.ts'
import { systemEnvironment, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { HttpOptions } from './http.ts'
import { RemoteBroker } from './remote-broker.ts'
import type { Spool } from './spool.ts'
import type { WebSocketConstructor } from './socket.ts'

export interface ConnectOptions {
  /** For servers that ask for one; it says who the caller is. */
  readonly token?: string
  /** Carries streams of deliveries; the global one by default, `null` for long polling. */
  readonly WebSocket?: WebSocketConstructor | null
  readonly fetch?: typeof fetch
  /** How long an answer may take; 10 s by default. */
  readonly timeoutMs?: number
  /**
   * Keeps what is published while the server is out of reach, and sends it when it is back: `fileSpool` of
   * `tidings/spool`, in Node. Such events are answered `spooled`. Those of an outbox, which keeps them itself, are not.
   */
  readonly spool?: Spool
  readonly environment?: Environment
}

const defaultTimeoutMs = 10_000

/**
 * A broker that runs in a server. Connecting does not wait for it: whatever cannot be done because the server is out of
 * reach is rejected as `unavailable`, which may be tried again.
 */
export function connect(url: string, options: ConnectOptions = {}): Broker {
  const { WebSocket = globalWebSocket() } = options
  return new RemoteBroker({
    ...httpOptions(url, options),
    WebSocket: WebSocket ?? undefined,
    spool: options.spool,
  })
}

/** What every call over HTTP needs to know. */
export function httpOptions(url: string, options: ConnectOptions): HttpOptions {
  return {
    url: serverUrl(url),
    token: options.token,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    environment: options.environment ?? systemEnvironment,
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
  }
}

function serverUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw new TidingsError(
      'bad-request',
      `"${url}" is not the address of a server; it looks like http://localhost:7070.`,
    )
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`
}

function globalWebSocket(): WebSocketConstructor | undefined {
  return (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket
}
