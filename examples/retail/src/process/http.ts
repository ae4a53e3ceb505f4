import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Server as NetServer } from 'node:net'

/** What a handler gets: the parsed body, the headers, and the last segment of the path where the route ends in `/:id`. */
export interface HttpRequest {
  readonly body: unknown
  readonly headers: IncomingMessage['headers']
  readonly id: string
}

export type Routes = Readonly<Record<string, (request: HttpRequest) => unknown>>

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** A handler throws this to answer with another status than 200. */
export class HttpError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** Serves JSON over HTTP on the loopback interface. Routes are `POST /orders` or `GET /customers/:id`. */
export async function serve(options: { port: number; routes: Routes }): Promise<{ url: string; server: Server }> {
  const server = createServer((incoming, response) => {
    void dispatch(options.routes, incoming).then(
      (body) => answer(response, 200, body ?? {}),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        answer(response, error instanceof HttpError ? error.status : 500, { error: message })
      },
    )
  })
  server.keepAliveTimeout = 60_000
  return { url: await listen(server, options.port), server }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export async function listen(server: NetServer, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server without a TCP port cannot be reached.')
  return `http://127.0.0.1:${address.port}`
}

async function dispatch(routes: Routes, incoming: IncomingMessage): Promise<unknown> {
  const path = incoming.url ?? '/'
  const slash = path.lastIndexOf('/')
  const handler = routes[`${incoming.method} ${path}`] ?? routes[`${incoming.method} ${path.slice(0, slash)}/:id`]
  if (!handler) throw new HttpError(404, `There is no ${incoming.method} ${path}.`)
  const text = (await readBytes(incoming)).toString('utf8')
  return handler({ body: parseBody(text), headers: incoming.headers, id: decodeURIComponent(path.slice(slash + 1)) })
}

function parseBody(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch (error) {
    throw new HttpError(400, `The body is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

export function readBytes(stream: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    stream.on('error', reject)
    stream.on('aborted', () => reject(new Error('The connection broke in the middle of a message.')))
  })
}

export interface CallOptions {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** One HTTP request with a JSON body. Rejects when there was no answer; answers of any status resolve. */
export function call(method: 'GET' | 'POST', url: string, options: CallOptions = {}): Promise<Answer> {
  const payload = options.body === undefined ? undefined : JSON.stringify(options.body)
  const headers = {
    ...options.headers,
    ...(payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
  }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, agent, headers, timeout: options.timeoutMs ?? 5000 }, (response) => {
      readBytes(response).then(
        (bytes) => resolve({ status: response.statusCode ?? 0, body: parseOrText(bytes.toString('utf8')) }),
        reject,
      )
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${url} was not answered in time.`)))
    outgoing.on('error', reject)
    outgoing.end(payload)
  })
}

function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
