import type { FastifyInstance } from 'fastify'
import type { Environment } from 'tidings'
import type { Broker } from 'tidings/broker'
import type { Engine } from 'tidings/engine'
import { serverVersion } from '../version.ts'
import type { WholeRights } from '../whole-server.ts'
import { expose, expositionType, type Figure } from './exposition.ts'
import { measureBroker, type MeasuredBroker } from './measured-broker.ts'
import { measureEngine, type MeasuredEngine } from './measured-engine.ts'
import { subscriptionFigures } from './subscription-figures.ts'

/** What a server measures of the store below it and the broker above. */
export class Metrics {
  readonly #environment: Environment
  #engine: MeasuredEngine | undefined
  #broker: MeasuredBroker | undefined

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** The engine to use instead. */
  engine(engine: Engine): Engine {
    this.#engine = measureEngine(engine, this.#environment)
    return this.#engine.engine
  }

  /** The broker to use instead. */
  broker(broker: Broker): Broker {
    this.#broker = measureBroker(broker, this.#environment)
    return this.#broker.broker
  }

  /** `GET /metrics`, with those subscriptions that the caller may see. */
  serve(app: FastifyInstance, whole: WholeRights, broker: Broker): void {
    app.get('/metrics', async (request, reply) => {
      const callers = whole.allow(request, 'monitor')
      const figures: readonly Figure[] = [
        buildInfo,
        ...(await subscriptionFigures(broker, callers)),
        ...(this.#broker?.figures() ?? []),
        ...((await this.#engine?.figures()) ?? []),
        {
          name: 'process_resident_memory_bytes',
          help: 'Memory that the process has.',
          type: 'gauge',
          series: [{ labels: {}, value: process.memoryUsage.rss() }],
        },
      ]
      return reply.type(expositionType).send(expose(figures))
    })
  }
}

const buildInfo: Figure = {
  name: 'tidings_build_info',
  help: 'Always 1; which version runs on which Node.',
  type: 'gauge',
  series: [{ labels: { version: serverVersion, node: process.version }, value: 1 }],
}
