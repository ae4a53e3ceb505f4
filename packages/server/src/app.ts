import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { sleep, TidingsError, type Environment } from 'tidings'
import type { ServerLimits } from './limits.ts'
import { sendProblem, translated } from './problems.ts'

/** Longer than any request takes that does not wait; those that wait end their waiting when the server stops. */
const stopGraceMs = 10_000

/** What every HTTP server of ours has in common. */
export function createApp(limits: ServerLimits, logger: FastifyBaseLogger | undefined): FastifyInstance {
  const app = fastify({
    ...(logger && { loggerInstance: logger }),
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    http: { headersTimeout: limits.headersMs },
    // A line for every request would cost more than the request; what fails is written down.
    logController: new LogController({ disableRequestLogging: true }),
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 1_000 },
  }) as FastifyInstance
  // Bodies stay bytes: payloads pass through untouched, and everything else has limits that a plain parser has not.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => {
    const shown = translated(error, limits.bodyBytes)
    if (!(shown instanceof TidingsError)) request.log.error(error)
    return sendProblem(reply, shown)
  })
  return app
}

/** The requests that are being answered, so that a server that stops can wait for them and for nothing else. */
export class RunningRequests {
  readonly #environment: Environment
  #running = 0
  #idle: (() => void) | undefined

  constructor(app: FastifyInstance, environment: Environment) {
    this.#environment = environment
    app.addHook('onRequest', async (_, reply) => {
      this.#running++
      reply.raw.once('close', () => {
        if (--this.#running === 0) this.#idle?.()
      })
    })
  }

  async finished(): Promise<void> {
    if (this.#running === 0) return
    const idle = new AbortController()
    this.#idle = () => idle.abort()
    await sleep(this.#environment, stopGraceMs, idle.signal)
  }
}

/**
 * Makes an application ready for connections that somebody else has accepted: `app.server.emit('connection', socket)`.
 * Node begins to watch the deadlines of its connections, and to know which are idle, when a server listens.
 */
export async function takeConnections(app: FastifyInstance): Promise<void> {
  await app.ready()
  app.server.emit('listening')
}
