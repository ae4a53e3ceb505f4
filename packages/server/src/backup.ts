import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { TidingsError } from 'tidings'
import type { Engine } from 'tidings/engine'
import type { WholeRights } from './whole-server.ts'

/** `GET /backup`: one consistent cut of the store, taken while others go on. */
export function serveBackup(app: FastifyInstance, whole: WholeRights, engine: Partial<Pick<Engine, 'backup'>>): void {
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
    return reply
      .type('application/octet-stream')
      .header('content-disposition', 'attachment; filename="tidings.backup"')
      .send(Readable.from(after(first, pieces), { objectMode: false }))
  })
}

async function* after(
  first: IteratorResult<Uint8Array>,
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let piece = first; !piece.done; piece = await pieces.next()) yield piece.value
  } finally {
    await pieces.return?.()
  }
}
