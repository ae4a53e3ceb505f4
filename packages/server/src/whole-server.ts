import type { FastifyInstance, FastifyRequest } from 'fastify'
import { TidingsError } from 'tidings'
import type { Action, Authorize } from 'tidings/broker'
import type { Engine } from 'tidings/engine'
import { principalHeader } from 'tidings/protocol'
import { bearerToken, type Access } from './access.ts'
import { serveBackup } from './backup.ts'

export interface WholeServerOptions {
  readonly access: Access
  /** The rule of the broker; where it is absent nobody may. */
  readonly authorize?: Authorize
  /** `default` alone where absent. */
  readonly namespaces?: readonly string[]
  readonly engine?: Partial<Pick<Engine, 'backup'>>
}

/** The routes that concern a server as a whole and no namespace of its own. */
export function serveWhole(app: FastifyInstance, options: WholeServerOptions): void {
  serveBackup(app, new WholeServer(options), options.engine ?? {})
}

/** Rejects as `unauthenticated` or `forbidden` who may not do this in every namespace. */
export interface WholeRights {
  allow(request: Pick<FastifyRequest, 'headers'>, action: Action): void
}

/** Who may ask for what concerns every namespace of a server: whoever may do so in each of them. */
class WholeServer implements WholeRights {
  readonly #options: WholeServerOptions

  constructor(options: WholeServerOptions) {
    this.#options = options
  }

  allow({ headers }: Pick<FastifyRequest, 'headers'>, action: Action): void {
    const { access, authorize, namespaces = ['default'] } = this.#options
    const named = headers[principalHeader]
    const token = bearerToken(headers.authorization)
    const principal = Array.isArray(named) ? named.join() : named
    for (const namespace of namespaces) {
      const caller = access.caller({ namespace, token, principal })
      if (authorize?.(caller, action, {}) === true) continue
      throw new TidingsError(
        'forbidden',
        `"${caller.principal}" may not ${action} this server: that needs the right in namespace "${namespace}".`,
        { details: { principal: caller.principal, action, namespace } },
      )
    }
  }
}
