import type { FastifyInstance, FastifyRequest } from 'fastify'
import { TidingsError, type Environment } from 'tidings'
import type { Action, Authorize, Broker, Caller } from 'tidings/broker'
import type { Engine } from 'tidings/engine'
import { principalHeader } from 'tidings/protocol'
import { bearerToken, type Access } from './access.ts'
import { Alarms, type AlarmOptions, type AlarmParts } from './alarms.ts'
import { serveBackup } from './backup.ts'
import { Metrics } from './metrics/metrics.ts'

export interface WholeServerOptions {
  /** Decides about requests that concern the whole server, as for its broker; where it is absent they are refused. */
  readonly authorize?: Authorize
  /** Those of the broker; `default` alone where absent. */
  readonly namespaces?: readonly string[]
  /** What is measured of engine and broker; without it `/metrics` knows subscriptions only. */
  readonly metrics?: Metrics
  /** What is told to whom; where it is absent nobody looks. */
  readonly alarms?: AlarmOptions
}

interface WholeServerParts extends WholeServerOptions {
  readonly access: Access
  readonly broker: Broker
  readonly environment: Environment
  readonly engine?: Pick<Engine, 'stats'> & Partial<Pick<Engine, 'backup'>>
  readonly pushes: AlarmParts['push']
}

/** The routes that concern a server as a whole and no namespace of its own. */
export function serveWhole(app: FastifyInstance, options: WholeServerParts): void {
  const whole = new WholeServer(options)
  serveBackup(app, whole, options.engine ?? {})
  const { metrics = new Metrics(options.environment), broker } = options
  metrics.serve(app, whole, broker)
  serveAlarms(app, whole, options)
}

/** `GET /v1/{namespace}/alarms`: those of subscriptions that the caller may see, and of the whole server. */
function serveAlarms(app: FastifyInstance, whole: WholeServer, options: WholeServerParts): void {
  const { namespaces = ['default'], engine, pushes: push, authorize } = options
  const alarms = new Alarms({ ...options, ...options.alarms, namespaces, engine, push, log: app.log })
  if (options.alarms) {
    app.addHook('onReady', async () => alarms.start())
    app.addHook('onClose', () => alarms.stop())
  }
  app.get<{ Params: { namespace: string } }>('/v1/:namespace/alarms', async (request, reply) => {
    const { namespace } = request.params
    const [caller] = whole.allow(request, 'monitor', [namespace])
    const visible = alarms
      .list(namespace)
      .filter(({ subscription }) => !subscription || authorize?.(caller!, 'inspect', { subscription }) === true)
    return reply.send({ alarms: visible })
  })
}

/** Rejects as `unauthenticated` or `forbidden` who may not do this in every namespace; answers who it is in each. */
export interface WholeRights {
  allow(request: Pick<FastifyRequest, 'headers'>, action: Action, namespaces?: readonly string[]): readonly Caller[]
}

/** Who may ask for what concerns every namespace of a server: whoever may do so in each of them. */
class WholeServer implements WholeRights {
  readonly #options: WholeServerParts

  constructor(options: WholeServerParts) {
    this.#options = options
  }

  allow(
    { headers }: Pick<FastifyRequest, 'headers'>,
    action: Action,
    namespaces = this.#options.namespaces ?? ['default'],
  ): readonly Caller[] {
    const { access, authorize } = this.#options
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
