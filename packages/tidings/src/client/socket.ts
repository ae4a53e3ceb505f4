import type { Caller } from '../broker/port/broker.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import {
  checkVersion,
  decodeFrame,
  errorOfProblem,
  protocolVersion,
  readServerMessage,
  silenceLimitMs,
  type ClientMessage,
  type Problem,
  type ServerMessage,
} from '../protocol/index.ts'

/** What is used of a WebSocket: the global one of browsers and of Node from 22 on, or that of `ws`. */
export interface WebSocketLike {
  binaryType: string
  send(data: string): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'open', listener: () => void): void
  addEventListener(type: 'close', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  addEventListener(type: 'error', listener: (event: object) => void): void
}
export type WebSocketConstructor = new (url: string) => WebSocketLike

export interface SocketOptions {
  readonly url: string
  readonly token: string | undefined
  readonly caller: Caller
  readonly WebSocket: WebSocketConstructor
  readonly environment: Environment
  readonly timeoutMs: number
  /** Called once when it has ended, whoever ended it. */
  readonly onEnd: () => void
}

/** What one stream does with the messages that name it. */
export interface StreamListener {
  onMessage(message: ServerMessage & { type: 'deliveries' | 'progress' | 'events' | 'reset' }): void
  /** The stream has ended on its own. */
  onClosed(reason: TidingsError): void
}

type Request = Extract<ClientMessage, { id: number }>
type Unnumbered<Message> = Message extends Request ? Omit<Message, 'id'> : never

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
  readonly cancelTimer: () => void
}

/**
 * One WebSocket on behalf of one caller, with its streams.
 *
 *   connecting ── welcome ──▶ open ── closed by either side, silence, nonsense ──▶ ended
 *       └──────── refused, no answer in time ─────────────────────────────────────────┘
 *
 * Entering `ended` rejects every open request and ends every stream, so that nobody waits for a connection that is gone.
 */
export class Socket {
  readonly #options: SocketOptions
  readonly #webSocket: WebSocketLike
  readonly #pending = new Map<number, Pending>()
  readonly #streams = new Map<number, StreamListener>()
  readonly #ready: Promise<void>
  #welcome: { resolve: () => void; reject: (error: unknown) => void } | undefined
  #nextId = 1
  #heardAt = 0
  #cancelTimer: () => void
  #ended: TidingsError | undefined

  constructor(options: SocketOptions) {
    this.#options = options
    const { WebSocket, environment, timeoutMs } = options
    this.#ready = new Promise((resolve, reject) => (this.#welcome = { resolve, reject }))
    // Whoever needs it awaits it; nobody may.
    this.#ready.catch(() => undefined)
    this.#cancelTimer = environment.timers.after(timeoutMs, () =>
      this.end(this.#unreachable(`no welcome within ${timeoutMs} ms`)),
    )
    this.#webSocket = new WebSocket(options.url)
    this.#webSocket.binaryType = 'arraybuffer'
    this.#webSocket.addEventListener('open', () => this.#hello())
    this.#webSocket.addEventListener('message', ({ data }) => this.#receive(data))
    this.#webSocket.addEventListener('error', (event) => this.end(this.#unreachable(messageOf(event))))
    this.#webSocket.addEventListener('close', () => this.end(this.#unreachable('it was closed')))
  }

  /** Whether requests can be sent at once. */
  get open(): boolean {
    return this.#welcome === undefined && this.#ended === undefined
  }

  /** Sends a request once the server has said welcome, and answers its result. */
  async request(message: Unnumbered<Request>): Promise<unknown> {
    await this.#ready
    if (this.#ended) throw this.#ended
    const id = this.#nextId++
    const { environment, timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      // A server that answers pings and nothing else is of no use either.
      const cancelTimer = environment.timers.after(timeoutMs, () =>
        this.end(this.#unreachable(`no answer within ${timeoutMs} ms`)),
      )
      this.#pending.set(id, { resolve, reject, cancelTimer })
      this.send({ ...message, id })
    })
  }

  /** Sends what has no answer; lost when the socket has ended. */
  send(message: ClientMessage): void {
    if (!this.#ended) this.#webSocket.send(JSON.stringify(message))
  }

  addStream(listener: StreamListener): number {
    const stream = this.#nextId++
    this.#streams.set(stream, listener)
    return stream
  }

  /** Forgets a stream; the last one takes the socket with it, so that it keeps no process alive. */
  removeStream(stream: number): void {
    this.#streams.delete(stream)
    this.#endUnused()
  }

  #endUnused(): void {
    if (this.#streams.size === 0 && this.#pending.size === 0) this.end(this.#unreachable('it was not needed any more'))
  }

  end(reason: TidingsError): void {
    if (this.#ended) return
    this.#ended = reason
    this.#cancelTimer()
    this.#webSocket.close()
    this.#options.onEnd()
    this.#welcome?.reject(reason)
    this.#welcome = undefined
    for (const { reject, cancelTimer } of this.#pending.values()) {
      cancelTimer()
      reject(reason)
    }
    this.#pending.clear()
    for (const stream of this.#streams.values()) stream.onClosed(reason)
    this.#streams.clear()
  }

  #hello(): void {
    const { caller, token } = this.#options
    this.send({
      type: 'hello',
      protocol: protocolVersion,
      features: [],
      ...caller,
      ...(token !== undefined && { token }),
    })
  }

  #receive(data: unknown): void {
    this.#heardAt = this.#options.environment.clock.monotonic()
    if (this.#ended) return
    const message = this.#parse(data)
    if (message) this.#handle(message)
  }

  /** `undefined` for what a newer server may send, and for nonsense, which ends the socket. */
  #parse(data: unknown): ServerMessage | undefined {
    try {
      return readServerMessage(
        typeof data === 'string' ? JSON.parse(data) : decodeFrame(new Uint8Array(data as ArrayBuffer)),
      )
    } catch (cause) {
      const reason = cause instanceof TidingsError ? cause.message : 'it is no JSON'
      this.end(
        new TidingsError('unavailable', `${this.#options.url} sent a message that makes no sense: ${reason}`, {
          cause,
        }),
      )
      return undefined
    }
  }

  #handle(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        return this.#begin(message)
      case 'answer':
        this.#take(message.id)?.resolve(message.result)
        return this.#endUnused()
      case 'error':
        if (message.id === undefined) return this.end(this.#errorOf(message.problem))
        this.#take(message.id)?.reject(this.#errorOf(message.problem))
        return this.#endUnused()
      case 'deliveries':
      case 'progress':
      case 'events':
      case 'reset':
        return this.#streams.get(message.stream)?.onMessage(message)
      case 'closed': {
        const stream = this.#streams.get(message.stream)
        stream?.onClosed(this.#errorOf(message.problem))
        return this.removeStream(message.stream)
      }
      case 'pong':
    }
  }

  #begin({ protocol, pingIntervalMs }: ServerMessage & { type: 'welcome' }): void {
    try {
      checkVersion(protocol, 'server')
    } catch (error) {
      return this.end(error as TidingsError)
    }
    this.#cancelTimer()
    this.#welcome?.resolve()
    this.#welcome = undefined
    this.#watch(pingIntervalMs)
  }

  /** A connection that is half open looks like a quiet one; only an answer to a ping tells them apart. */
  #watch(pingIntervalMs: number): void {
    const { environment } = this.#options
    this.#cancelTimer = environment.timers.after(pingIntervalMs, () => {
      const silentMs = environment.clock.monotonic() - this.#heardAt
      if (silentMs > silenceLimitMs(pingIntervalMs)) {
        return this.end(this.#unreachable(`nothing was heard for ${Math.round(silentMs)} ms`))
      }
      this.send({ type: 'ping', id: this.#nextId++ })
      this.#watch(pingIntervalMs)
    })
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    pending?.cancelTimer()
    return pending
  }

  #errorOf(problem: Problem): TidingsError {
    return (
      errorOfProblem(problem) ??
      new TidingsError('unavailable', `${this.#options.url} reported something that this version does not know.`)
    )
  }

  #unreachable(reason: string): TidingsError {
    const { url } = this.#options
    return new TidingsError(
      'unavailable',
      `The WebSocket of ${url} has ended (${reason}); it is safe to open another one.`,
      { details: { url } },
    )
  }
}

/** Browsers don't say what failed; others do. */
function messageOf(event: object): string {
  return 'message' in event && typeof event.message === 'string' ? event.message : 'it failed'
}
