import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Caller } from 'tidings/broker'
import { startServer, type RunningServer, type StartOptions } from '../start.ts'

export const caller: Caller = { namespace: 'default', principal: 'operator' }
export const subscription = 'partner.orders'

export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** How many times this message had come before. */
  readonly earlier: number
}

export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly server: Server
  /** Every POST, in the order in which they came. */
  readonly received: readonly Received[]
  /** How often an effect was applied, by `webhook-id`: what a receiver that knows the id does not do twice. */
  readonly effects: ReadonlyMap<string, number>
  /** The headers of each OPTIONS. */
  readonly asked: readonly IncomingHttpHeaders[]
}

export interface ReceiverOptions {
  /** Answers a POST; what it says with `taken` has an effect. 204 to everything where absent. */
  readonly answer?: (received: Received, response: ServerResponse, taken: () => void) => void
  /** The answer to OPTIONS; consent to everybody where absent. */
  readonly consent?: (headers: IncomingHttpHeaders, response: ServerResponse) => void
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** A real HTTP server of some partner, on the loopback interface. */
export async function openReceiver({ answer = take, consent = agree, tls }: ReceiverOptions = {}): Promise<Receiver> {
  const received: Received[] = []
  const asked: IncomingHttpHeaders[] = []
  const effects = new Map<string, number>()
  const attempts = new Map<string, number>()
  const server = tls ? createSecureServer(tls) : createServer()
  server.on('request', (request, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.method === 'OPTIONS') {
        asked.push(request.headers)
        return consent(request.headers, response)
      }
      const id = String(request.headers['webhook-id'])
      const earlier = attempts.get(id) ?? 0
      attempts.set(id, earlier + 1)
      const message = { headers: request.headers, body: Buffer.concat(chunks).toString(), earlier }
      received.push(message)
      answer(message, response, () => effects.set(id, (effects.get(id) ?? 0) + 1))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/hook`,
    port,
    server,
    received,
    effects,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function take(_: Received, response: ServerResponse, taken: () => void): void {
  taken()
  response.writeHead(204).end()
}

function agree(_: IncomingHttpHeaders, response: ServerResponse): void {
  response.writeHead(200, { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '*' }).end()
}

export interface PushBench extends AsyncDisposable {
  readonly server: RunningServer
  /** What was written to the log as an error. */
  readonly alarms: readonly string[]
  /** Asks the HTTP API, below `/subscriptions/partner.orders`. */
  ask(method: string, path: string, json?: object): Promise<{ status: number; body: Record<string, unknown> }>
  /** Publishes events written as `key/id`. */
  publish(...keysAndIds: readonly string[]): Promise<void>
}

/** Quick, and so long in all that nothing is disabled because the machine is slow. */
const delaysMs = [...Array<number>(60).fill(5), 3_600_000]

/** A server with a topic and a subscription on it, whose policy leaves the pauses to the push. */
export async function openPush(options: StartOptions = {}): Promise<PushBench> {
  const alarms: string[] = []
  const server = await startServer({
    engine: 'memory',
    port: 0,
    ...options,
    logger: logTo(alarms),
    push: { allow: ['127.0.0.0/8'], origin: 'tidings.test', delaysMs, ...options.push },
  })
  const { broker, url } = server
  await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  const retry = { quickDelaysMs: [], minDelayMs: 0, maxDelayMs: 0, maxAttempts: 1_000 }
  await broker.putSubscription(caller, { subscription, topic: 'shop.order', from: 'beginning', policy: { retry } })
  return {
    server,
    alarms,
    async ask(method, path, json) {
      const response = await fetch(`${url}/v1/default/subscriptions/${subscription}${path}`, {
        method,
        ...(json && { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) }
    },
    async publish(...keysAndIds) {
      const events = keysAndIds.map((text) => {
        const [key = '', id = text] = text.split('/')
        const data = new TextEncoder().encode(JSON.stringify({ order: id, name: 'Zoë' }))
        return { event: { id, source: '/shop', type: 'shop.order', key, data, datacontenttype: 'application/json' } }
      })
      await broker.publish(caller, { topic: 'shop.order', events })
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** Resolves when it is so; the time that a test may take is the limit. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 2))
}

function logTo(alarms: string[]): NonNullable<StartOptions['logger']> {
  const ignore = (): void => undefined
  const error = (first: unknown, second?: unknown): void => {
    alarms.push(typeof second === 'string' ? second : String(first))
  }
  const log = { level: 'error', trace: ignore, debug: ignore, info: ignore, warn: ignore, error, fatal: error }
  const logger: NonNullable<StartOptions['logger']> = { ...log, silent: ignore, child: () => logger }
  return logger
}

export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'tidings-push-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}
