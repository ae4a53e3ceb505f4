import type { Caller } from '../broker/port/broker.ts'
import type { DeliveryStream, StreamRequest } from '../broker/port/deliveries.ts'
import type { Follower, FollowRequest } from '../broker/port/events.ts'
import type { TidingsError } from '../errors.ts'
import type { Http, HttpOptions } from './http.ts'
import { openEventLine } from './event-source.ts'
import { RemoteFollow } from './live.ts'
import { PollStream } from './poll-stream.ts'
import { openSocketLine } from './socket-live.ts'
import { openSocketStream } from './socket-stream.ts'
import { Socket, type WebSocketConstructor } from './socket.ts'

export interface RemoteStreamsOptions extends HttpOptions {
  /** Carries streams of deliveries; without one they are polled for. */
  readonly WebSocket: WebSocketConstructor | undefined
}

/** The standing connections of a remote broker: one WebSocket for each caller, or long polls. */
export class RemoteStreams {
  readonly #options: RemoteStreamsOptions
  readonly #http: Http
  /** By caller. */
  readonly #sockets = new Map<string, Socket>()
  readonly #polls = new Set<PollStream>()
  readonly #follows = new Set<RemoteFollow>()

  constructor(options: RemoteStreamsOptions, http: Http) {
    this.#options = options
    this.#http = http
  }

  async open(caller: Caller, request: StreamRequest): Promise<DeliveryStream> {
    const { WebSocket, environment } = this.#options
    if (WebSocket) return openSocketStream(this.#socket(caller, WebSocket), request)
    const poll = await PollStream.open({
      http: this.#http,
      caller,
      environment,
      request,
      onEnd: (ended) => this.#polls.delete(ended),
    })
    this.#polls.add(poll)
    return poll
  }

  async follow(caller: Caller, request: FollowRequest): Promise<Follower> {
    const { WebSocket, environment } = this.#options
    const http = this.#http
    const { follow, follower } = await RemoteFollow.open({
      environment,
      request,
      open: (after, listeners) =>
        WebSocket
          ? openSocketLine(this.#socket(caller, WebSocket), request, after, listeners)
          : openEventLine({ http, caller, environment, request }, after, listeners),
      onEnd: (ended) => this.#follows.delete(ended),
    })
    this.#follows.add(follow)
    return follower
  }

  /** The WebSocket of a caller where it has one that takes requests. */
  openSocket(caller: Caller): Socket | undefined {
    const socket = this.#sockets.get(nameOf(caller))
    return socket?.open ? socket : undefined
  }

  /** These were settled: nothing is left to renew. */
  forget(leases: readonly string[]): void {
    for (const poll of this.#polls) poll.forget(leases)
  }

  stop(reason: TidingsError): void {
    for (const follow of this.#follows) follow.fail(reason)
    for (const socket of this.#sockets.values()) socket.end(reason)
    for (const poll of this.#polls) poll.fail(reason)
  }

  #socket(caller: Caller, WebSocket: WebSocketConstructor): Socket {
    const name = nameOf(caller)
    const known = this.#sockets.get(name)
    if (known) return known
    const { url, token, environment, timeoutMs } = this.#options
    const socket = new Socket({
      url: `${url.replace(/^http/, 'ws')}/v1/${encodeURIComponent(caller.namespace)}/stream`,
      token,
      caller,
      WebSocket,
      environment,
      timeoutMs,
      onEnd: () => {
        if (this.#sockets.get(name) === socket) this.#sockets.delete(name)
      },
    })
    this.#sockets.set(name, socket)
    return socket
  }
}

function nameOf({ namespace, principal }: Caller): string {
  return JSON.stringify([namespace, principal])
}
