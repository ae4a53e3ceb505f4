import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { TidingsError } from 'tidings'
import type { Engine } from 'tidings/engine'
import type { WholeRights } from './whole-server.ts'

/**
 * `GET /backup`: one consistent cut of the store, taken while others go on. A server that stops cuts those short that are
 * under way, and has removed their copies when it has stopped.
 */
export function serveBackup(app: FastifyInstance, whole: WholeRights, engine: Partial<Pick<Engine, 'backup'>>): void {
  const underWay = new Map<Readable, Promise<void>>()
  app.addHook('preClose', async () => {
    for (const stream of underWay.keys()) stream.destroy()
    await Promise.all(underWay.values())
  })
  app.get('/backup', async (request, reply) => {
    whole.allow(request, 'backup')
    if (!engine.backup) {
      throw new TidingsError('bad-request', 'The store of this server cannot be backed up: it is in memory only.')
    }
    const pieces = engine.backup()[Symbol.asyncIterator]()
    // What goes wrong before the first piece is an answer; later it is a stream that ends early, which its reader notices.
    const first = await pieces.next()
    if (reply.raw.destroyed) {
      await pieces.return?.()
      return reply
    }
    const stream = Readable.from(after(first, pieces), { objectMode: false })
    const removed = new Promise<void>((resolve) => {
      // A copy that cannot be removed now goes at the next start.
      stream.once(
        'close',
        () =>
          void Promise.resolve(pieces.return?.()).then(
            () => resolve(),
            () => resolve(),
          ),
      )
    })
    underWay.set(stream, removed)
    void removed.then(() => underWay.delete(stream))
    return reply
      .type('application/octet-stream')
      .header('content-disposition', 'attachment; filename="tidings.backup"')
      .send(stream)
  })
}

async function* after(
  first: IteratorResult<Uint8Array>,
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (let piece = first; !piece.done; piece = await pieces.next()) yield piece.value
}
