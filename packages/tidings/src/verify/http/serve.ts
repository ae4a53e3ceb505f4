import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { TidingsError } from '../../errors.ts'

export interface OwnerServer {
  /** What those who compare give as the owner's URL. */
  readonly url: string
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Serves a handler with `node:http`, for a service that has no server of its own. On this machine only, unless `host` says
 * otherwise: what is asked is signed, but anybody on the way can read it, so put TLS in front of it then.
 */
export async function serveOwner(options: {
  readonly handler: (request: Request) => Promise<Response>
  /** 0 for any that is free. */
  readonly port: number
  /** `127.0.0.1` where nothing is said. */
  readonly host?: string
}): Promise<OwnerServer> {
  const { handler, port, host = '127.0.0.1' } = options
  const server = createServer((incoming, outgoing) => void answer(handler, incoming, outgoing))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const code = cause.code === 'EADDRINUSE' ? 'port-in-use' : 'bad-request'
      reject(new TidingsError(code, `The owner cannot be served at ${host}:${port} (${cause.message}).`, { cause }))
    })
    server.listen(port, host, resolve)
  })
  const { port: bound } = server.address() as AddressInfo
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, stop, [Symbol.asyncDispose]: stop }
}

async function answer(
  handler: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  try {
    const response = await handler(requestOf(incoming))
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    outgoing.end(await response.text())
  } catch {
    // The asker has gone in the middle of what he asked.
    outgoing.destroy()
  }
}

function requestOf(incoming: IncomingMessage): Request {
  const { method = 'GET', url = '/', headers } = incoming
  const hasBody = method !== 'GET' && method !== 'HEAD'
  return new Request(new URL(url, 'http://owner.invalid'), {
    method,
    headers: Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
    ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' }),
  })
}
