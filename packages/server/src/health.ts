import type { FastifyInstance } from 'fastify'
import { TidingsError } from 'tidings'
import type { Engine } from 'tidings/engine'
import { sendProblem } from './problems.ts'

export interface Health {
  /** Why requests make no sense at present. */
  readonly notReady: () => Promise<TidingsError | undefined>
}

export interface Readiness {
  /** Whether the server has started and is not stopping. */
  readonly serving: () => boolean
  readonly engine: Pick<Engine, 'stats'> | undefined
}

/** Whether the process works, and whether requests make sense. */
export function serveHealth(app: FastifyInstance, { notReady }: Health): void {
  app.get('/health/live', (_, reply) => reply.send({ status: 'live' }))
  app.get('/health/ready', async (_, reply) => {
    const problem = await notReady()
    return problem ? sendProblem(reply, problem) : reply.send({ status: 'ready' })
  })
}

/** A server is ready when it serves and its store takes what is published. */
export async function refusalOf({ serving, engine }: Readiness): Promise<TidingsError | undefined> {
  if (!serving()) return new TidingsError('stopped', 'The server is starting or stopping; try again later.')
  try {
    const refusing = (await engine?.stats())?.refusing
    return refusing === undefined ? undefined : notWriting(refusing)
  } catch (cause) {
    return notWriting(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function notWriting(reason: string, cause?: unknown): TidingsError {
  return new TidingsError('unavailable', `The store takes nothing at present: ${reason}`, { cause })
}
