import type { FastifyInstance, FastifyRequest } from 'fastify'
import { systemEnvironment, TidingsError } from 'tidings'
import type { Action, Authorize, Broker, Caller } from 'tidings/broker'
import type { Engine } from 'tidings/engine'
import { principalHeader } from 'tidings/protocol'
import { bearerToken, type Access } from './access.ts'
import { serveBackup } from './backup.ts'
import { Metrics } from './metrics/metrics.ts'

export interface WholeServerOptions {
  readonly access: Access
  /** The rule of the broker; where it is absent nobody may. */
  readonly authorize?: Authorize
  /** `default` alone where absent. */
  readonly namespaces?: readonly string[]
  readonly engine?: Partial<Pick<Engine, 'backup'>>
  readonly broker: Broker
  /** What is measured below the broker and above it. */
  readonly metrics?: Metrics
}

/** The routes that concern a server as a whole and no namespace of its own. */
export function serveWhole(app: FastifyInstance, options: WholeServerOptions): void {
  const whole = new WholeServer(options)
  serveBackup(app, whole, options.engine ?? {})
  const { metrics = new Metrics(systemEnvironment), broker } = options
  metrics.serve(app, whole, broker)
}

/** Rejects as `unauthenticated` or `forbidden` who may not do this in every namespace; answers who it is in each. */
export interface WholeRights {
  allow(request: Pick<FastifyRequest, 'headers'>, action: Action): readonly Caller[]
}

/** Who may ask for what concerns every namespace of a server: whoever may do so in each of them. */
class WholeServer implements WholeRights {
  readonly #options: WholeServerOptions

  constructor(options: WholeServerOptions) {
    this.#options = options
  }

  allow({ headers }: Pick<FastifyRequest, 'headers'>, action: Action): readonly Caller[] {
    const { access, authorize, namespaces = ['default'] } = this.#options
    const named = headers[principalHeader]
    const token = bearerToken(headers.authorization)
    const principal = Array.isArray(named) ? named.join() : named
    return namespaces.map((namespace) => {
      const caller = access.caller({ namespace, token, principal })
      if (authorize?.(caller, action, {}) === true) return caller
      throw new TidingsError(
        'forbidden',
        `"${caller.principal}" may not ${action} this server: that needs the right in namespace "${namespace}".`,
        { details: { principal: caller.principal, action, namespace } },
      )
    })
  }
}
