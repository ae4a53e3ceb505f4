import { systemEnvironment } from 'tidings'
import { createBroker, ownersOnly, type Authorize, type Broker } from 'tidings/broker'
import { protocolLimits } from 'tidings/protocol'
import { makeEngine, type EngineOptions } from './make-engine.ts'
import { nextDue } from './next-due.ts'
import { Metrics } from './metrics/metrics.ts'
import { compileSchema } from './schemas.ts'
import { createServer, type Server, type ServerOptions } from './server.ts'

export interface StartOptions extends Omit<ServerOptions, 'broker' | 'engine' | 'metrics'>, EngineOptions {
  /** Who may do everything; `operator` where absent. */
  readonly operators?: readonly string[]
  /** Who may see every figure and description, and nothing else; `monitor` where absent. */
  readonly monitors?: readonly string[]
  /** Decides about every call instead of the rule that services do what is theirs. */
  readonly authorize?: Authorize
  /** Of one event's payload; 1 MiB where absent. */
  readonly payloadBytes?: number
}

/** A running server with the broker and the store that it brought up. */
export interface RunningServer extends Server {
  /** For programs in the same process. */
  readonly broker: Broker
}

/** Brings up a store, a broker over it and a server over that; what was started is stopped again when a later part fails. */
export async function startServer(options: StartOptions = {}): Promise<RunningServer> {
  const {
    environment = systemEnvironment,
    operators = ['operator'],
    monitors = ['monitor'],
    payloadBytes = protocolLimits.payloadBytes,
  } = options
  const metrics = new Metrics(environment)
  const store = await makeEngine(options, environment)
  const engine = metrics.engine(store.engine)
  const authorize = options.authorize ?? ownersOnly({ operators, monitors })
  const measured = createBroker({
    engine,
    authorize,
    namespaces: options.namespaces ?? ['default'],
    maxPayloadBytes: payloadBytes,
    compileSchema,
    nextDue,
    environment,
    report: ({ message, error, details }) =>
      options.logger?.warn(error === undefined ? details : { ...details, err: error }, message),
  })
  const broker = metrics.broker(measured)
  const alarms = { principal: monitors[0] ?? operators[0] ?? 'monitor', ...options.alarms }
  // Before the store is opened, because what is wrong with the address needs no store to be found.
  const server = createServer({ ...options, authorize, broker, engine, metrics, environment, alarms })
  const stop = async (): Promise<void> => {
    await server.stop()
    await broker.stop()
    await store.release()
  }
  try {
    await broker.start()
    await server.start()
  } catch (error) {
    await stop()
    throw error
  }
  return { broker, url: server.url, start: () => Promise.resolve(), stop, [Symbol.asyncDispose]: stop }
}
