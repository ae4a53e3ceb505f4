import type { Environment } from 'tidings'
import type { Broker, Caller, Delivery, Outcome, PublishAnswer, SettleAnswer } from 'tidings/broker'
import { Counter, Histogram, type Figure } from './exposition.ts'

/** Deliveries of which is remembered when they were published, until they are settled; the oldest are forgotten first. */
const mostRemembered = 200_000
const latencyBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600]

export interface MeasuredBroker {
  readonly broker: Broker
  figures(): readonly Figure[]
}

/** The same broker, counting what passes. */
export function measureBroker(measured: Broker, environment: Environment): MeasuredBroker {
  const counts = new Counts(environment)
  const replaced: Partial<Broker> = {
    async publish(caller, request) {
      const answers = await measured.publish(caller, request)
      counts.published(caller, request.topic, answers)
      return answers
    },
    async pull(caller, request) {
      const answer = await measured.pull(caller, request)
      counts.handedOut(caller, request.subscription, answer.deliveries)
      return answer
    },
    stream: (caller, request) =>
      measured.stream(caller, {
        ...request,
        onDeliveries(deliveries) {
          counts.handedOut(caller, request.subscription, deliveries)
          request.onDeliveries(deliveries)
        },
      }),
    async settle(caller, request) {
      const answers = await measured.settle(caller, request)
      counts.settled(caller, request.subscription, request.outcomes, answers)
      return answers
    },
  }
  const broker = new Proxy(measured, {
    get(target, name: keyof Broker) {
      const method: unknown = replaced[name] ?? target[name]
      return typeof method === 'function' ? (method.bind(target) as unknown) : method
    },
  })
  return { broker, figures: () => counts.figures() }
}

class Counts {
  readonly #environment: Environment
  readonly #published = new Counter(
    'tidings_messages_published_total',
    'Events that publishers were answered for, by what became of them: stored, duplicate or refused.',
  )
  readonly #schemaRejections = new Counter('tidings_schema_rejections_total', 'Events that did not match their schema.')
  readonly #deliveries = new Counter(
    'tidings_deliveries_total',
    'Deliveries that were settled, by result; lost: their lease had ended.',
  )
  readonly #redeliveries = new Counter(
    'tidings_redeliveries_total',
    'Deliveries that were not the first of their event.',
  )
  readonly #latency = new Histogram(
    'tidings_delivery_latency_seconds',
    'From the moment an event was stored to the moment it was acknowledged.',
    latencyBounds,
  )
  readonly #appendedAt = new Map<string, number>()

  constructor(environment: Environment) {
    this.#environment = environment
  }

  published({ namespace }: Caller, topic: string, answers: readonly PublishAnswer[]): void {
    for (const [result, count] of tally(answers.map(({ status }) => status))) {
      this.#published.add({ namespace, topic, result }, count)
    }
    const rejected = answers.filter(
      (answer) => answer.status === 'refused' && answer.code === 'schema-violation',
    ).length
    if (rejected > 0) this.#schemaRejections.add({ namespace, topic }, rejected)
  }

  handedOut({ namespace }: Caller, subscription: string, deliveries: readonly Delivery[]): void {
    const place = `${namespace} ${subscription} `
    for (const { lease, appendedAt, attempt } of deliveries) {
      if (attempt > 1) this.#redeliveries.add({ namespace, subscription })
      this.#appendedAt.set(place + lease, appendedAt)
    }
    if (this.#appendedAt.size <= mostRemembered) return
    for (const lease of this.#appendedAt.keys()) {
      if (this.#appendedAt.size <= mostRemembered) return
      this.#appendedAt.delete(lease)
    }
  }

  settled(
    { namespace }: Caller,
    subscription: string,
    outcomes: readonly Outcome[],
    answers: readonly SettleAnswer[],
  ): void {
    const labels = { namespace, subscription }
    const place = `${namespace} ${subscription} `
    const now = this.#environment.clock.now()
    const latencies: number[] = []
    const results = outcomes.map(({ lease, action }, index) => {
      const result = answers[index]?.status === 'settled' ? action : 'lost'
      const appendedAt = this.#appendedAt.get(place + lease)
      if (appendedAt !== undefined) this.#appendedAt.delete(place + lease)
      if (result === 'ack' && appendedAt !== undefined) latencies.push(Math.max(0, now - appendedAt) / 1_000)
      return result
    })
    for (const [result, count] of tally(results)) this.#deliveries.add({ ...labels, result }, count)
    this.#latency.observe(labels, latencies)
  }

  figures(): readonly Figure[] {
    return [this.#published, this.#schemaRejections, this.#deliveries, this.#redeliveries, this.#latency].map((each) =>
      each.figure(),
    )
  }
}

/** How often each of them occurs. */
function tally(all: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1)
  return counts
}
