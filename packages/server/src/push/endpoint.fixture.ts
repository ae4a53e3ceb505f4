import { allowAll, createBroker, type Broker, type Caller } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import { simulatedEnvironment, type SimulatedEnvironment } from 'tidings/testing'
import { Endpoint } from './endpoint.ts'
import type { Outgoing, Reply } from './exchange.ts'
import { standardDelaysMs } from './schedule.ts'
import type { StoredPush } from './store.ts'

export const caller: Caller = { namespace: 'default', principal: 'operator' }
export const subscription = 'partner.orders'
export const [second, minute, hour] = [1_000, 60_000, 3_600_000] as const
const stored: StoredPush = {
  subscription,
  principal: 'operator',
  url: 'https://hooks.example.com/in',
  format: 'structured',
  timeoutMs: 15_000,
  secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  state: 'active',
  since: 0,
}

interface Sending {
  /** Milliseconds since the endpoint began. */
  readonly at: number
  readonly method: string
  readonly id: string
  readonly message: string | undefined
}

export type Answer = Partial<Reply> | Error

/** The push of one subscription to a receiver that is a function, in driven time. */
export class EndpointBench {
  readonly environment: SimulatedEnvironment
  readonly broker: Broker
  /** Everything that was sent, by whichever endpoint. */
  readonly sent: Sending[] = []
  readonly alarms: string[] = []
  readonly changes: StoredPush[] = []
  endpoint!: Endpoint
  begunAt = 0

  private constructor(environment: SimulatedEnvironment, broker: Broker) {
    this.environment = environment
    this.broker = broker
  }

  static async open(): Promise<EndpointBench> {
    const environment = simulatedEnvironment()
    const broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
    await broker.start()
    await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
    await broker.putSubscription(caller, { subscription, topic: 'shop.order', from: 'beginning' })
    return new EndpointBench(environment, broker)
  }

  async close(): Promise<void> {
    await this.stop()
    await this.broker.stop()
  }

  /** Publishes events written as `key/id`. */
  async publish(...keysAndIds: readonly string[]): Promise<void> {
    const events = keysAndIds.map((text) => {
      const [key = '', id = text] = text.split('/')
      return { event: { id, source: '/shop', type: 'shop.order', key } }
    })
    await this.broker.publish(caller, { topic: 'shop.order', events })
  }

  /** Begins to push; `answer` is asked with the event's id, the attempt at it from 1, and the time since the beginning. */
  async begin(
    answer: (id: string, attempt: number, at: number) => Answer,
    { push = {}, ...options }: { push?: Partial<StoredPush>; trusted?: boolean; delaysMs?: readonly number[] } = {},
  ): Promise<void> {
    const { broker, environment, sent } = this
    this.begunAt = environment.clock.now()
    this.endpoint = new Endpoint({
      broker,
      environment,
      namespace: 'default',
      push: { ...stored, ...push },
      delaysMs: standardDelaysMs,
      origin: 'tidings.test',
      trusted: false,
      onChange: (changed) => this.changes.push(changed),
      onAlarm: (message) => this.alarms.push(message),
      onGone: () => undefined,
      exchange: async ({ method, headers, body }: Outgoing) => {
        const at = environment.clock.now() - this.begunAt
        const id = method === 'POST' ? (JSON.parse(new TextDecoder().decode(body)) as { id: string }).id : method
        sent.push({ at, method, id, message: headers['webhook-id'] })
        const given = answer(id, sent.filter((each) => each.id === id).length, at)
        if (given instanceof Error) throw given
        return { status: 200, headers: {}, ...given }
      },
      ...options,
    })
    this.endpoint.start()
    await environment.advance(1)
  }

  async stop(): Promise<void> {
    const stopped = this.endpoint.stop()
    await this.environment.advance(11 * second)
    await stopped
  }

  stats(): Promise<unknown> {
    return this.broker.stats(caller, subscription)
  }

  /** When something was sent of an event. */
  times(id: string): number[] {
    return this.sent.filter((each) => each.id === id).map(({ at }) => at)
  }
}
