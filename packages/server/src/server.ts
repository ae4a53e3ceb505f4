import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { systemEnvironment, TidingsError, type Environment } from 'tidings'
import type { Broker, Caller } from 'tidings/broker'
import type { Engine } from 'tidings/engine'
import { parseJson } from 'tidings/event'
import { principalHeader, protocolVersion, routes, type Operation, type Route } from 'tidings/protocol'
import { Access, bearerToken, type AccessOptions } from './access.ts'
import { sendAnswer } from './answers.ts'
import { createApp, RunningRequests, takeConnections } from './app.ts'
import { defaultLimits, type ServerLimits } from './limits.ts'
import { refusalOf, serveHealth } from './health.ts'
import { describeApi } from './openapi.ts'
import { guard } from './guard.ts'
import { Live } from './live.ts'
import { operations, type AnsweredOperation, type Context } from './operations.ts'
import { sendProblem, StatusError } from './problems.ts'
import { Push, type PushOptions } from './push/push.ts'
import { Upgrade } from './upgrade.ts'
import { serverVersion } from './version.ts'
import { serveWhole, type WholeServerOptions } from './whole-server.ts'

export interface ServerOptions extends Partial<AccessOptions>, WholeServerOptions {
  /** Started and stopped by whoever made it. */
  readonly broker: Broker
  /** 7070 by default; 0 lets the system choose. */
  readonly port?: number
  readonly limits?: Partial<ServerLimits>
  /**
   * That of the broker. Asked whether it can write before `/health/ready` says yes; without one, that tells only whether
   * requests are served. Its ledger keeps where subscriptions are pushed to; without one, there is no push.
   */
  readonly engine?: Pick<Engine, 'stats'> & Partial<Pick<Engine, 'ledger' | 'backup'>>
  readonly push?: PushOptions
  /** A pino logger, or one like it. */
  readonly logger?: FastifyBaseLogger
  readonly environment?: Environment
}

/** A broker over HTTP and WebSocket. */
export interface Server {
  /** Where it is reached, once it has started. */
  readonly url: string
  /** Rejects with `port-in-use` when the port is taken. */
  start(): Promise<void>
  /** Answers what was asked, lets go of waiting consumers and closes the port. Idempotent. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const noBody = new Uint8Array(0)

/** Makes a server; refuses to listen on anything but the loopback interface without tokens. */
export function createServer(options: ServerOptions): Server {
  return new HttpServer(options)
}

/** Listens by itself, or takes the connections that somebody else has accepted. */
export class HttpServer implements Server {
  readonly #host: string
  readonly #port: number
  readonly #app: FastifyInstance
  readonly #requests: RunningRequests
  readonly #upgrade: Upgrade
  readonly #push: Push | undefined
  readonly #live: Live
  #url = ''
  #ready = false
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(options: ServerOptions) {
    const { host = '127.0.0.1', port = 7070, broker, environment = systemEnvironment } = options
    this.#host = host
    this.#port = port
    const limits: ServerLimits = { ...defaultLimits, ...options.limits }
    const access = new Access({ ...options, host })
    const app = createApp(limits, options.logger)
    app.setNotFoundHandler((request, reply) => sendProblem(reply, notFound(request)))
    this.#app = app
    this.#requests = new RunningRequests(app, environment)
    guard(app, access, limits)
    const push = createPush(options, environment, (message, error) => app.log.error(error ?? {}, message))
    this.#push = push
    const { engine } = options
    serveHealth(app, { notReady: () => refusalOf({ serving: () => this.#ready, engine }) })
    serveWhole(app, { ...options, access, environment, pushes: push })
    app.get('/openapi.json', (_, reply) => reply.send(describeApi(serverVersion)))
    const serving: Serving = { broker, push, access, environment, limits, stopping: () => this.#stopping !== undefined }
    for (const operation of Object.keys(operations) as AnsweredOperation[]) serve(app, operation, serving)
    this.#live = new Live(app, {
      broker,
      environment,
      limits,
      callerOf: (namespace, request) => callerOf(access, namespace, request),
    })
    const report = (error: unknown): void => app.log.error(error)
    this.#upgrade = new Upgrade(app.server, { broker, access, environment, limits, serverVersion, report })
  }

  get url(): string {
    return this.#url
  }

  start(): Promise<void> {
    return (this.#starting ??= this.#listen())
  }

  /** Instead of `start`: answers on connections that it is given. */
  open(): Promise<void> {
    return (this.#starting ??= this.#open())
  }

  take(connection: Socket): void {
    this.#app.server.emit('connection', connection)
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #listen(): Promise<void> {
    const [host, port] = [this.#host, this.#port]
    try {
      await this.#push?.start()
      const address = await this.#app.listen({ host, port })
      this.#url = address.replace('[::1]', 'localhost')
      this.#ready = true
    } catch (cause) {
      await this.#push?.stop()
      if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
      const message = `Port ${port} of ${host} is taken by another program; stop that one or choose another port.`
      throw new TidingsError('port-in-use', message, { cause, details: { host, port } })
    }
  }

  async #open(): Promise<void> {
    await this.#push?.start()
    await takeConnections(this.#app)
    this.#ready = true
  }

  async #close(): Promise<void> {
    this.#ready = false
    this.#upgrade.stop()
    this.#live.stop()
    const closed = this.#app.close()
    await this.#push?.stop()
    await this.#requests.finished()
    this.#app.server.closeAllConnections()
    await closed
  }
}

function createPush(
  { broker, engine, namespaces = ['default'], push: options = {} }: ServerOptions,
  environment: Environment,
  onAlarm: (message: string, error?: Error) => void,
): Push | undefined {
  const ledger = engine?.ledger
  return ledger && new Push({ broker, engine: { ledger }, environment, namespaces, onAlarm, options })
}

interface Serving {
  readonly broker: Broker
  readonly push: Push | undefined
  readonly access: Access
  readonly environment: Environment
  readonly limits: ServerLimits
  readonly stopping: () => boolean
}

function serve(
  app: FastifyInstance,
  operation: AnsweredOperation,
  { broker, push, access, environment, limits, stopping }: Serving,
): void {
  const route: Route = routes[operation]
  // The table gives each operation the shapes that its handler is typed by.
  const run: (context: Context) => Promise<object | undefined> = operations[operation]
  app.route({
    method: route.method,
    url: `/v1/:namespace${route.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    async handler(request: FastifyRequest, reply: FastifyReply) {
      const names = request.params as Context['names'] & { namespace: string }
      const query = route.query?.read(request.query, 'The query') as Context['query']
      const body = bodyOf(route, operation, request)
      const context: Context = {
        broker,
        push,
        caller: callerOf(access, names.namespace, request),
        names,
        query,
        body: body as Context['body'],
        request,
        nextId: () => environment.ids.next(),
        abandoned: () => stopping() || reply.raw.destroyed,
        maxAnswerBytes: limits.answerBytes,
      }
      const answer = await run(context)
      return sendAnswer(request, reply, answer, wantsBase64(query) || wantsBase64(body))
    },
  })
}

function callerOf(access: Access, namespace: string, { headers }: FastifyRequest): Caller {
  const principal = headers[principalHeader]
  return access.caller({
    namespace,
    token: bearerToken(headers.authorization),
    principal: Array.isArray(principal) ? principal.join() : principal,
  })
}

function bodyOf(route: Route, operation: Operation, request: FastifyRequest): unknown {
  const bytes = request.body instanceof Uint8Array ? request.body : noBody
  if (operation === 'publish' || !route.body) return bytes
  // A request without options may leave its body out.
  return route.body.read(bytes.length === 0 ? {} : parseJson(bytes, 'bad-request', 'The body'), 'The body')
}

function wantsBase64(options: unknown): boolean {
  return typeof options === 'object' && options !== null && 'data' in options && options.data === 'base64'
}

function notFound(request: FastifyRequest): TidingsError {
  const path = request.url.split('?', 1)[0]!.slice(0, 200)
  const [, version] = /^\/v(\d+)\//.exec(path) ?? []
  if (version !== undefined && version !== String(protocolVersion)) {
    return new TidingsError(
      'protocol-version',
      `This server speaks /v${protocolVersion} only; upgrade the server to use /v${version}.`,
    )
  }
  return new StatusError(404, `There is no ${request.method} ${path}; /openapi.json lists what there is.`)
}
