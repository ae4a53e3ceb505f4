import type { Environment } from 'tidings'
import { createBroker, ownersOnly, type Broker } from 'tidings/broker'
import type { Engine } from 'tidings/engine'
import { protocolLimits } from 'tidings/protocol'
import { checkCompatibility } from './compatibility.ts'
import { Metrics } from './metrics/metrics.ts'
import { nextDue } from './next-due.ts'
import { compileSchema } from './schemas.ts'
import { HttpServer } from './server.ts'
import type { StartOptions } from './start.ts'

export interface ServedBroker {
  readonly broker: Broker
  readonly server: HttpServer
}

/** A broker over an engine and a server over that; neither has been started. `guarded` is the broker for everybody. */
export function createServedBroker(
  options: StartOptions,
  {
    engine: store,
    environment,
    guarded,
  }: {
    readonly engine: Engine
    readonly environment: Environment
    readonly guarded: (broker: Broker) => Broker
  },
): ServedBroker {
  const { operators = ['operator'], monitors = ['monitor'], payloadBytes = protocolLimits.payloadBytes } = options
  const metrics = new Metrics(environment)
  const engine = metrics.engine(store)
  const authorize = options.authorize ?? ownersOnly({ operators, monitors })
  const measured = createBroker({
    engine,
    authorize,
    namespaces: options.namespaces ?? ['default'],
    maxPayloadBytes: payloadBytes,
    checkCompatibility,
    compileSchema,
    nextDue,
    environment,
    report: ({ message, error, details }) =>
      options.logger?.warn(error === undefined ? details : { ...details, err: error }, message),
  })
  const broker = guarded(metrics.broker(measured))
  const alarms = { principal: monitors[0] ?? operators[0] ?? 'monitor', ...options.alarms }
  return { broker, server: new HttpServer({ ...options, authorize, broker, engine, metrics, environment, alarms }) }
}
