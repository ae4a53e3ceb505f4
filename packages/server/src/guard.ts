import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { checkVersion, protocolHeader, protocolVersion } from 'tidings/protocol'
import type { Access } from './access.ts'
import type { ServerLimits } from './limits.ts'

/** What holds for every request: where it comes from and which version it speaks. */
export function guard(app: FastifyInstance, access: Access, { stalledMs }: ServerLimits): void {
  app.addHook('onRequest', async (request, reply) => {
    void reply
      .header(protocolHeader, String(protocolVersion))
      .header('x-content-type-options', 'nosniff')
      .header('cache-control', 'no-store')
    const { host, origin } = request.headers
    access.checkSource({ host, origin })
    if (access.isForeignPage(origin)) {
      void reply.headers({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': protocolHeader,
        vary: 'origin',
      })
      const wanted = request.headers['access-control-request-method']
      if (request.method === 'OPTIONS' && wanted !== undefined) return allowPage(request, reply)
    }
    const version = request.headers[protocolHeader]
    if (version !== undefined) checkVersion(version, 'client')
  })
  app.addHook('onSend', async (_, reply) => {
    // From here on the client has to take what it asked for; a connection that is half open takes nothing.
    reply.raw.setTimeout(stalledMs, () => reply.raw.destroy())
  })
}

/** What a browser asks before it lets a page of an allowed origin send a request: https://fetch.spec.whatwg.org/#cors-preflight-fetch */
function allowPage({ headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply
    .headers({
      'access-control-allow-methods': 'GET, PUT, POST, DELETE',
      'access-control-allow-headers': headers['access-control-request-headers'] ?? '',
      'access-control-max-age': '600',
    })
    .code(204)
    .send()
}
