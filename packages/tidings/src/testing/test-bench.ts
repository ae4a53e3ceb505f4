import { allowAll, createBroker, type Broker, type DeadLetter } from '../broker/index.ts'
import type { SampleOptions } from '../compatibility/index.ts'
import { encodePayload, type EventType, type Kind } from '../contract/index.ts'
import type { Database } from '../database/index.ts'
import { TidingsError } from '../errors.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import type { EventOf, HandlerPoint, Service, ServiceDescription } from '../service/index.ts'
import { beginLife, type Life } from './life.ts'
import { sampleData } from './sample-data.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from './simulated.ts'
import { readEvents, unsettled, type KnownEvent } from './settled.ts'

const settleWithinMs = 10 * 60_000
const steps = [1, 10, 50, 100, 250, 500, 1_000]

export interface TestBenchOptions {
  /** One seed gives one history: 1 where nothing is said. */
  readonly seed?: number
  /** Instead of the service's own. */
  readonly database?: Database
}

/** A service in a process of its own, on a real broker in memory, in simulated time. Its handlers run when the bench does. */
export interface TestBench {
  readonly environment: SimulatedEnvironment
  readonly broker: Broker
  /** Publishes an event as its owner would, or sends a task. */
  publish<Type extends EventType>(
    type: Type,
    data: Type extends EventType<string, Kind, string, infer Input> ? Input : never,
    options?: { readonly id?: string },
  ): Promise<void>
  /**
   * Makes data of a type for `publish`, from the JSON Schema of its contract and chance, another one each time. Rejects
   * where there is no such schema, where it has no documents, and where the contract's own schema refuses what was made.
   */
  sample<Type extends EventType>(
    type: Type,
    options?: SampleOptions,
  ): Promise<Type extends EventType<string, Kind, string, infer Input> ? Input : never>
  /** Runs until a handler reaches this point, kills the service there and starts it again on the same database. */
  crashAt(point: HandlerPoint): Promise<void>
  /**
   * Runs until nothing is left to do: every outbox empty, every event handled, copied or a dead letter. Rejects, saying
   * what is left, when that takes more than `withinMs` (10 minutes) of simulated time.
   */
  settled(options?: { readonly withinMs?: number }): Promise<void>
  /** The events of a type, oldest first, as of the last `settled`. */
  published<Type extends EventType>(type: Type): readonly EventOf<Type>[]
  /** What the service's subscriptions gave up on. */
  deadLetters(): Promise<readonly (DeadLetter & { readonly subscription: string })[]>
  /**
   * Which fields of its events a handler has read so far, as JSON pointers into the data with `*` for any item of an
   * array: what is left out of its contract would break it. '' is everything.
   */
  reads(handler: string): readonly string[]
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a service for a test: without a server, on the database that it was given or another. */
export async function testBench(service: Service, options: TestBenchOptions = {}): Promise<TestBench> {
  const bench = new Bench(service, options)
  await bench.start()
  return bench
}

class Bench implements TestBench {
  readonly environment: SimulatedEnvironment
  readonly broker: Broker
  readonly #service: Service
  readonly #description: ServiceDescription
  readonly #database: Database
  readonly #operator = { namespace: 'default', principal: 'operator' }
  #life: Life | undefined
  /** Handlers wait at this gate unless the bench runs. */
  #running = false
  #waitingAtGate: (() => void)[] = []
  #crashPoint: HandlerPoint | undefined
  #known: readonly KnownEvent[] = []

  constructor(service: Service, options: TestBenchOptions) {
    this.#service = service
    this.#description = service['~bench'].describe()
    this.#database = options.database ?? service['~bench'].parts().database
    this.environment = simulatedEnvironment(options.seed)
    const { environment } = this
    this.broker = createBroker({ engine: memoryEngine({ environment }), authorize: allowAll, environment })
  }

  async start(): Promise<void> {
    await this.broker.start()
    const own = new Set(this.#description.topics.map(({ topic }) => topic))
    for (const { topic, kind, service } of this.#description.consumed) {
      if (!own.has(topic)) await this.#ensureTopic(topic, kind, service)
    }
    await this.#begin()
  }

  async stop(): Promise<void> {
    this.#openGate()
    const stopped = this.#service.stop()
    // A handler that hangs is waited for, then left.
    for (let step = 0; step < 12; step++) await this.environment.advance(1_000)
    await stopped
    await this.broker.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  // ------------------------------------------------------------------------------------------------------------- lives

  async #begin(): Promise<void> {
    const life = beginLife({ broker: this.#tolerant(), database: this.#database, environment: this.environment })
    this.#life = life
    this.#service['~bench'].rewire({
      broker: life.broker,
      database: life.database,
      environment: life.environment,
      reached: (point) => this.#reached(life, point),
    })
    await this.#service.start()
  }

  async #reached(life: Life, point: HandlerPoint): Promise<void> {
    if (point === 'before-handler' && !this.#running)
      await new Promise<void>((resolve) => this.#waitingAtGate.push(resolve))
    if (point === this.#crashPoint && !life.ended) {
      this.#crashPoint = undefined
      life.end()
      this.#service['~bench'].abandon()
    }
    if (life.ended) await new Promise(() => {})
  }

  #openGate(): void {
    this.#running = true
    for (const enter of this.#waitingAtGate.splice(0)) enter()
  }

  async crashAt(point: HandlerPoint): Promise<void> {
    this.#crashPoint = point
    const passed = await this.#runUntil(async () => this.#life?.ended === true, settleWithinMs)
    if (!passed) {
      this.#crashPoint = undefined
      throw new Error(`No handler reached "${point}": ${(await this.#unsettled()) ?? 'there was nothing to handle'}.`)
    }
    await this.#begin()
  }

  // --------------------------------------------------------------------------------------------------------------- time

  async settled({ withinMs = settleWithinMs }: { readonly withinMs?: number } = {}): Promise<void> {
    const isSettled = async (): Promise<boolean> => (await this.#unsettled()) === undefined
    const passed = await this.#runUntil(isSettled, withinMs)
    const left = passed ? undefined : await this.#unsettled('with reasons')
    if (left !== undefined) throw new Error(`${this.#description.name} did not settle within ${withinMs} ms: ${left}.`)
    this.#known = await readEvents(this.broker, this.#operator)
  }

  /** Lets time pass, in growing steps, until the condition holds; answers whether it came to hold. */
  async #runUntil(condition: () => Promise<boolean>, withinMs: number): Promise<boolean> {
    this.#openGate()
    const { clock } = this.environment
    const until = clock.monotonic() + withinMs
    try {
      for (let step = 0; clock.monotonic() < until; step++) {
        await this.environment.advance(steps[step] ?? 1_000)
        if (await condition()) return true
      }
      return false
    } finally {
      this.#running = false
    }
  }

  async #unsettled(detail?: 'with reasons'): Promise<string | undefined> {
    return await unsettled({
      service: this.#service,
      broker: this.broker,
      caller: this.#operator,
      withReasons: detail !== undefined,
    })
  }

  // ------------------------------------------------------------------------------------------------------------- events

  async publish(type: EventType, data: unknown, { id }: { readonly id?: string } = {}): Promise<void> {
    await this.#ensureTopic(type.topic, type.kind, type.service)
    const payload = await encodePayload(type, data)
    const event = { id: id ?? this.environment.ids.next(), source: type.service, type: type.type, ...payload }
    const caller = { namespace: 'default', principal: type.service }
    const [answer] = await this.broker.publish(caller, { topic: type.topic, events: [{ event }] })
    if (answer?.status === 'refused') throw new TidingsError(answer.code, answer.message)
    await this.environment.advance(1)
  }

  async sample<Type extends EventType>(type: Type, options?: SampleOptions): Promise<never> {
    // The contract's schema accepted it, which is what the cast says.
    return (await sampleData(type, this.environment.random, options)) as never
  }

  published<Type extends EventType>(type: Type): readonly EventOf<Type>[] {
    // The type of each event was compared with the one that was asked for, which is what the cast says.
    return this.#known.filter((event) => event.type === type.type) as unknown as readonly EventOf<Type>[]
  }

  reads(handler: string): readonly string[] {
    const reads = this.#service['~bench'].reads(handler)
    if (reads) return reads
    throw new Error(`${this.#description.name} has no handler called "${handler}".`)
  }

  async deadLetters(): Promise<readonly (DeadLetter & { readonly subscription: string })[]> {
    const all = await this.broker.subscriptions(this.#operator)
    const pages = await Promise.all(
      all.map(async ({ subscription }) => {
        const { deadLetters } = await this.broker.deadLetters(this.#operator, { subscription, limit: 1_000 })
        return deadLetters.map((deadLetter) => ({ ...deadLetter, subscription }))
      }),
    )
    return pages.flat()
  }

  async #ensureTopic(topic: string, kind: Kind, owner: string): Promise<void> {
    await this.broker.putTopic({ namespace: 'default', principal: owner }, { topic, kind, owner })
  }

  /** Services that get tasks are not here to create their topics. */
  #tolerant(): Broker {
    const publish: Broker['publish'] = async (caller, request) => {
      try {
        return await this.broker.publish(caller, request)
      } catch (error) {
        if (!(error instanceof TidingsError) || error.code !== 'topic-unknown') throw error
        await this.#ensureTopic(request.topic, 'task', request.topic.slice(0, request.topic.lastIndexOf('.')))
        return await this.broker.publish(caller, request)
      }
    }
    return new Proxy(this.broker, {
      get: (target, name: keyof Broker) => (name === 'publish' ? publish : target[name].bind(target)),
    })
  }
}
