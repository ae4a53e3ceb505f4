import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { WebSocket, WebSocketServer, type RawData } from 'ws'
import { listen } from '../process/http.ts'

export interface ReplayOptions {
  /** Where the requests go. */
  readonly target: string
  /** How many of a hundred are replayed, divided by a hundred. */
  readonly share: number
  readonly random: () => number
}

/** A proxy that does what networks, load balancers and clients with time-outs do: it says things twice. */
export interface ReplayProxy {
  readonly url: string
  /** What really went out a second time so far: deliveries, or requests. */
  replayed(): number
  stop(): void
}

const longestDelayMs = 300

/** Between callers and a service: some requests reach the service a second time, up to 300 ms later. */
export async function replayRequests({ target, share, random }: ReplayOptions): Promise<ReplayProxy> {
  let replayed = 0
  return startProxy((incoming, body, response) => {
    pass(target, incoming, body).then((answer) => reply(response, answer), () => response.destroy())
    if (random() >= share) return
    setTimeout(() => {
      pass(target, incoming, body).then(
        () => (replayed += 1),
        () => undefined,
      )
    }, random() * longestDelayMs)
  }, () => replayed)
}

/**
 * Between consumers and the Tidings server: some delivery frames of a WebSocket come again up to 300 ms later, and some
 * answers to a pull are given to the next pull as well.
 */
export async function replayDeliveries({ target, share, random }: ReplayOptions): Promise<ReplayProxy> {
  let replayed = 0
  const again = new Map<string, { answer: PassedAnswer; deliveries: number }>()
  const proxy = await startProxy((incoming, body, response) => {
    const path = incoming.url ?? ''
    const stored = again.get(path)
    if (stored) {
      again.delete(path)
      replayed += stored.deliveries
      return reply(response, stored.answer)
    }
    pass(target, incoming, body).then((answer) => {
      const deliveries = path.endsWith('/pull') && answer.status === 200 ? countDeliveries(answer.body.toString('utf8')) : 0
      if (deliveries > 0 && random() < share) again.set(path, { answer, deliveries })
      reply(response, answer)
    }, () => response.destroy())
  }, () => replayed)

  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  proxy.server.on('upgrade', (incoming, socket, head) => {
    sockets.handleUpgrade(incoming, socket, head, (client) => {
      const upstream = new WebSocket(`${target.replace(/^http/, 'ws')}${incoming.url}`, { perMessageDeflate: false })
      relay(client, upstream)
      relay(upstream, client, (data, isBinary) => {
        const deliveries = isBinary ? countDeliveries(frameHeader(data)) : 0
        if (deliveries === 0 || random() >= share) return
        setTimeout(() => {
          if (client.readyState !== WebSocket.OPEN) return
          client.send(data, { binary: true })
          replayed += deliveries
        }, random() * longestDelayMs)
      })
    })
  })
  return proxy
}

function relay(from: WebSocket, to: WebSocket, onMessage: (data: Buffer, isBinary: boolean) => void = () => undefined): void {
  const waiting: { data: Buffer; binary: boolean }[] = []
  to.on('open', () => {
    for (const { data, binary } of waiting.splice(0)) to.send(data, { binary })
  })
  from.on('message', (raw: RawData, binary: boolean) => {
    const data = Array.isArray(raw) ? Buffer.concat(raw) : Buffer.from(raw as Buffer)
    if (to.readyState === WebSocket.OPEN) to.send(data, { binary })
    else waiting.push({ data, binary })
    onMessage(data, binary)
  })
  from.on('close', () => to.terminate())
  from.on('error', () => to.terminate())
}

/** The JSON of a frame: one byte of version, a length of 32 bits, the text. */
function frameHeader(frame: Buffer): string {
  return frame.length < 5 ? '' : frame.toString('utf8', 5, 5 + frame.readUInt32BE(1))
}

function countDeliveries(json: string): number {
  const message = JSON.parse(json === '' ? '{}' : json) as { deliveries?: unknown }
  return Array.isArray(message.deliveries) ? message.deliveries.length : 0
}

interface PassedAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

type OnRequest = (incoming: IncomingMessage, body: Buffer, response: ServerResponse) => void

async function startProxy(onRequest: OnRequest, replayed: () => number): Promise<ReplayProxy & { server: Server }> {
  const server = createServer((incoming, response) => {
    readBytes(incoming).then((body) => onRequest(incoming, body, response), () => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  const url = await listen(server, 0)
  const stop = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { url, server, replayed, stop }
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

function pass(target: string, incoming: IncomingMessage, body: Buffer): Promise<PassedAnswer> {
  const { host: _host, connection: _connection, 'transfer-encoding': _encoding, ...headers } = incoming.headers
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${target}${incoming.url}`,
      { method: incoming.method, agent, headers: { ...headers, 'content-length': body.length } },
      (response) => {
        readBytes(response).then((bytes) => resolve({ status: response.statusCode ?? 502, headers: response.headers, body: bytes }), reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

function reply(response: ServerResponse, { status, headers, body }: PassedAnswer): void {
  const { connection: _connection, 'transfer-encoding': _encoding, ...kept } = headers
  response.writeHead(status, { ...kept, 'content-length': body.length }).end(body)
}

async function readBytes(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) if (chunk instanceof Buffer) chunks.push(chunk)
  return Buffer.concat(chunks)
}
