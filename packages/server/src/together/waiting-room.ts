import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { TidingsError } from 'tidings'
import type { Access } from '../access.ts'
import { createApp, takeConnections } from '../app.ts'
import { guard } from '../guard.ts'
import { serveHealth } from '../health.ts'
import type { ServerLimits } from '../limits.ts'
import { sendProblem } from '../problems.ts'
import type { Take } from './front.ts'

export interface WaitingRoomOptions {
  readonly access: Access
  readonly limits: ServerLimits
  readonly logger?: FastifyBaseLogger | undefined
  /** Why nobody is served here at present. */
  readonly reason: () => string
}

/** Answers what a server answers as long as there is nobody whom it could forward to: come again. */
export class WaitingRoom {
  readonly #app: FastifyInstance

  constructor({ access, limits, logger, reason }: WaitingRoomOptions) {
    this.#app = createApp(limits, logger)
    guard(this.#app, access, limits)
    // So that what comes next is given to whoever leads by then.
    this.#app.addHook('onRequest', async (_, reply) => void reply.header('connection', 'close'))
    serveHealth(this.#app, { notReady: async () => new TidingsError('unavailable', reason()) })
    this.#app.setNotFoundHandler((_, reply) => sendProblem(reply, new TidingsError('unavailable', reason())))
  }

  open(): Promise<void> {
    return takeConnections(this.#app)
  }

  readonly take: Take = (connection) => void this.#app.server.emit('connection', connection)

  async close(): Promise<void> {
    const closed = this.#app.close()
    this.#app.server.closeAllConnections()
    await closed
  }
}
