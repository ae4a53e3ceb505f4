import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { listen, readBytes } from '../process/http.ts'

export interface PassedAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

type OnRequest = (incoming: IncomingMessage, body: Buffer, response: ServerResponse) => void

export async function startHttpProxy(onRequest: OnRequest): Promise<{ url: string; server: Server; stop(): void }> {
  const server = createServer((incoming, response) => {
    readBytes(incoming).then(
      (body) => onRequest(incoming, body, response),
      () => response.destroy(),
    )
  })
  server.keepAliveTimeout = 60_000
  const url = await listen(server, 0)
  const stop = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { url, server, stop }
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** Sends a request on; rejects when there was no answer. */
export function pass(target: string, incoming: IncomingMessage, body: Buffer): Promise<PassedAnswer> {
  const { host: _host, connection: _connection, 'transfer-encoding': _encoding, ...kept } = incoming.headers
  const headers = incoming.method === 'GET' ? kept : { ...kept, 'content-length': body.length }
  return new Promise((resolve, reject) => {
    const outgoing = request(`${target}${incoming.url}`, { method: incoming.method, agent, headers }, (response) => {
      readBytes(response).then(
        (bytes) => resolve({ status: response.statusCode ?? 502, headers: response.headers, body: bytes }),
        reject,
      )
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

export function reply(response: ServerResponse, { status, headers, body }: PassedAnswer): void {
  const { connection: _connection, 'transfer-encoding': _encoding, ...kept } = headers
  response.writeHead(status, { ...kept, 'content-length': body.length }).end(body)
}
