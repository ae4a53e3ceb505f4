import { allowAll, createBroker, type Authorize, type Broker } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import { checkCompatibility } from './compatibility.ts'
import { nextDue } from './next-due.ts'
import { compileSchema } from './schemas.ts'
import { createServer, type Server, type ServerOptions } from './server.ts'

export interface Bench extends AsyncDisposable {
  readonly broker: Broker
  readonly server: Server
  /** Up to and with the namespace. */
  readonly base: string
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Sent as JSON. */
  readonly json?: unknown
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: Record<string, never>
}

/** A started server over a broker in memory, for tests. */
export async function openBench(options: Partial<ServerOptions> & { authorize?: Authorize } = {}): Promise<Bench> {
  const { authorize = allowAll, ...serverOptions } = options
  const engine = memoryEngine()
  const broker = options.broker ?? createBroker({ engine, authorize, checkCompatibility, compileSchema, nextDue })
  await broker.start()
  const server = createServer({ port: 0, ...(!options.broker && { engine }), ...serverOptions, broker })
  await server.start()
  const base = `${server.url}/v1/default`
  return {
    broker,
    server,
    base,
    call: (method, path, callOptions) =>
      call(method, path.startsWith('/health') || path.startsWith('/v') ? server.url + path : base + path, callOptions),
    async [Symbol.asyncDispose]() {
      await server.stop()
      await broker.stop()
    },
  }
}

async function call(method: string, url: string, { headers = {}, body, json }: CallOptions = {}): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    ...(body !== undefined && { body }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: parsed(text) }
}

function parsed(text: string): Record<string, never> {
  try {
    return JSON.parse(text) as Record<string, never>
  } catch {
    return {}
  }
}
