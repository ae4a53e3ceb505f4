import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { TidingsError, type Environment } from 'tidings'
import type { Broker } from 'tidings/broker'
import { problemOf, problemType, type HelloMessage } from 'tidings/protocol'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import type { Access } from './access.ts'
import { Connection } from './connection.ts'
import type { ServerLimits } from './limits.ts'
import { statusOf } from './problems.ts'

export interface UpgradeOptions {
  readonly broker: Broker
  readonly access: Access
  readonly environment: Environment
  readonly limits: ServerLimits
  readonly serverVersion: string
  readonly report: (error: unknown) => void
}

/** How long a client may take to agree to the end of its connection; a dead one never does. */
const closeGraceMs = 1_000

/** Serves WebSockets at `/v1/{namespace}/stream` on an HTTP server. */
export class Upgrade {
  readonly #options: UpgradeOptions
  readonly #sockets: WebSocketServer
  readonly #connections = new Set<Connection>()

  constructor(server: HttpServer, options: UpgradeOptions) {
    this.#options = options
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: options.limits.bodyBytes,
      perMessageDeflate: false,
    })
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      try {
        const namespace = this.#check(request)
        this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#connect(webSocket, namespace))
      } catch (error) {
        refuse(socket, error)
      }
    })
  }

  stop(): void {
    for (const connection of this.#connections) connection.stop()
    this.#sockets.close()
    this.#options.environment.timers.after(closeGraceMs, () => {
      for (const socket of this.#sockets.clients) socket.terminate()
    })
  }

  #check(request: IncomingMessage): string {
    const { access, limits } = this.#options
    access.checkSource({ host: request.headers.host, origin: request.headers.origin })
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const [, version, namespace] = /^\/v(\d+)\/([^/]+)\/stream$/.exec(path) ?? []
    if (version === undefined || namespace === undefined) {
      throw new TidingsError('bad-request', 'There is no WebSocket at this path; it is at /v1/{namespace}/stream.')
    }
    if (version !== '1')
      throw new TidingsError('protocol-version', `This server speaks /v1 only; upgrade the server to use /v${version}.`)
    if (this.#connections.size >= limits.connections) {
      throw new TidingsError(
        'unavailable',
        `The server has its ${limits.connections} connections already; try again later.`,
      )
    }
    return decodeURIComponent(namespace)
  }

  #connect(webSocket: WebSocket, namespace: string): void {
    const { broker, access, environment, limits, serverVersion, report } = this.#options
    const connection = new Connection({
      broker,
      environment,
      socket: webSocket,
      pingIntervalMs: limits.pingIntervalMs,
      maxFrameBytes: limits.bodyBytes,
      serverVersion,
      report,
      admit(hello: HelloMessage) {
        if (hello.namespace === namespace) return access.caller(hello)
        throw new TidingsError(
          'bad-request',
          `The namespace of "hello" is ${hello.namespace}, that of the path ${namespace}; use one.`,
        )
      },
    })
    this.#connections.add(connection)
    webSocket.on('message', (data, binary) => connection.receive(bytesOf(data), binary))
    webSocket.on('pong', () => connection.heard())
    // An error is followed by the closing, which says all that matters here.
    webSocket.on('error', () => undefined)
    webSocket.on('close', () => {
      this.#connections.delete(connection)
      connection.closed()
    })
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}

/** A refusal before there is a WebSocket is an ordinary answer of HTTP. */
function refuse(socket: Duplex, error: unknown): void {
  const problem = problemOf(
    error instanceof URIError ? new TidingsError('bad-request', 'The path is not valid.') : error,
  )
  const status = statusOf(problem.code)
  const body = JSON.stringify({ ...problem, status })
  socket.on('error', () => undefined)
  socket.end(
    `HTTP/1.1 ${status} ${problem.code}\r\ncontent-type: ${problemType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
