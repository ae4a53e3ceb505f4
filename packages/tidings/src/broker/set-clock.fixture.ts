import type { RoundFigures } from '@tidings/tools/torture-rounds'
import { expect } from 'vitest'
import { consume } from '../consumer/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { mulberry32, simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import { simpleDue } from './due-times.fixture.ts'
import { allowAll, createBroker, type Broker, type Delivery, type OutcomeAction } from './index.ts'

const secondMs = 1_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const caller = { namespace: 'default', principal: 'shop' }
const topic = 'shop.order'
const hourlyTopic = 'shop.report'
const leasedTopic = 'shop.payment'
const delayMs = 30 * secondMs
const latestMs = 2 * hourMs
const leaseMs = 10 * secondMs
/** A shard and the schedules look at the wall clock this often by themselves. */
const lookAgainMs = 5 * secondMs

/**
 * A broker whose wall clock is set by a day, by a leap second, and back and forth, while events wait for their time. None
 * is handed out before the clock on the wall says so; pauses between attempts and leases do not notice; and when
 * the clock is right again nothing is stuck.
 */
export async function playClock(seed: number, { steps }: { readonly steps: number }): Promise<RoundFigures> {
  const environment = simulatedEnvironment(seed)
  const random = mulberry32(seed)
  const broker = createBroker({
    engine: memoryEngine({ environment }),
    authorize: allowAll,
    environment,
    nextDue: simpleDue,
  })
  await broker.start()
  await putAll(broker)
  const clock = new WallClock(environment, random)
  const watch = new Watch(environment, clock, random)
  const consumers = ['shop.plain', 'shop.delayed'].map((subscription) =>
    consume({ broker, caller, subscription, environment, handle: (delivery) => watch.handle(subscription, delivery) }),
  )
  for (const consumer of consumers) consumer.start()
  let published = 0
  for (let step = 0; step < steps; step++) {
    for (let count = 1 + Math.floor(random() * 3); count > 0; count--) {
      const due = random() < 0.7 ? clock.right + random() * latestMs : undefined
      await publish(broker, String(published++), due)
    }
    await clock.disturb()
    await environment.advance(random() * 120 * secondMs)
  }
  await expectLease(broker, environment, clock)
  clock.setRight()
  watch.calm(environment.clock.now())
  await environment.advance(latestMs + delayMs + 60 * secondMs)
  expectAll(watch, 'shop.plain', published)
  // What was appended by a clock that was ahead is due when the right one is there.
  watch.calm(undefined)
  clock.jump(steps * dayMs)
  await environment.advance(60 * secondMs)
  expectAll(watch, 'shop.delayed', published)
  await expectHourly(broker, clock.latest(Infinity))
  const stopped = Promise.all(consumers.map((consumer) => consumer.stop()))
  await environment.advance(12 * secondMs)
  await stopped
  await broker.stop()
  return {
    counts: { ...clock.counts, events: published, retries: watch.retries, early: 0, stuck: 0 },
    peaks: { 'latest after the clock was right (ms)': watch.latestMs },
  }
}

async function putAll(broker: Broker): Promise<void> {
  for (const each of [topic, hourlyTopic, leasedTopic])
    await broker.putTopic(caller, { topic: each, kind: 'event', owner: 'shop' })
  const from = 'beginning'
  await broker.putSubscription(caller, { subscription: 'shop.plain', topic, from })
  await broker.putSubscription(caller, { subscription: 'shop.delayed', topic, from, policy: { delayMs } })
  await broker.putSubscription(caller, { subscription: 'shop.leased', topic: leasedTopic, from })
  await broker.putSchedule(caller, {
    schedule: 'shop.hourly',
    topic: hourlyTopic,
    expression: '0 * * * *',
    event: { type: hourlyTopic },
    catchUp: 'all',
  })
}

async function publish(broker: Broker, id: string, due?: number): Promise<void> {
  const deliverat = due === undefined ? undefined : new Date(due).toISOString()
  const event = { id, source: '/shop', type: topic, key: id, ...(deliverat && { extensions: { deliverat } }) }
  await broker.publish(caller, { topic, events: [{ event }] })
}

/** The clock on the wall, which somebody sets. */
class WallClock {
  readonly counts = { days: 0, leaps: 0, strobes: 0 }
  /** What it said before each time that it was set, by the monotonic clock. */
  readonly #said: { readonly at: number; readonly wall: number }[] = []
  readonly #environment: SimulatedEnvironment
  readonly #random: () => number
  readonly #offset: number

  constructor(environment: SimulatedEnvironment, random: () => number) {
    this.#environment = environment
    this.#random = random
    this.#offset = environment.clock.now() - environment.clock.monotonic()
  }

  async disturb(): Promise<void> {
    const chance = this.#random()
    const sign = this.#random() < 0.5 ? -1 : 1
    if (chance < 0.3) {
      this.counts.days++
      this.jump(sign * dayMs)
    } else if (chance < 0.5) {
      this.counts.leaps++
      this.jump(sign * secondMs)
    } else if (chance < 0.7) {
      this.counts.strobes++
      for (let turn = 0; turn < 20; turn++) {
        this.jump(turn % 2 === 0 ? sign * dayMs : -sign * dayMs)
        await this.#environment.advance(this.#random() * 300)
      }
    }
  }

  jump(byMs: number): void {
    const { clock } = this.#environment
    this.#said.push({ at: clock.monotonic(), wall: clock.now() })
    this.#environment.jump(byMs)
  }

  /** The latest that it said within the last so many milliseconds. */
  latest(withinMs: number): number {
    const { clock } = this.#environment
    const recent = this.#said.filter(({ at }) => at >= clock.monotonic() - withinMs)
    return Math.max(clock.now(), ...recent.map(({ wall }) => wall))
  }

  /** What it would say if nobody had set it. */
  get right(): number {
    return this.#offset + this.#environment.clock.monotonic()
  }

  setRight(): void {
    this.jump(this.right - this.#environment.clock.now())
  }
}

/** Looks at the clocks whenever something is handed out. */
class Watch {
  retries = 0
  latestMs = 0
  readonly #environment: SimulatedEnvironment
  readonly #wall: WallClock
  readonly #random: () => number
  readonly handled = new Map<string, Set<string>>()
  readonly early: string[] = []
  /** By subscription and event: when another attempt may begin, on the monotonic clock. */
  readonly #notBefore = new Map<string, number>()
  #calmAt: number | undefined

  constructor(environment: SimulatedEnvironment, wall: WallClock, random: () => number) {
    this.#environment = environment
    this.#wall = wall
    this.#random = random
  }

  calm(at: number | undefined): void {
    this.#calmAt = at
  }

  handle(subscription: string, { event, appendedAt, attempt }: Delivery): Promise<OutcomeAction> {
    const { clock } = this.#environment
    const deliverat = event.extensions?.['deliverat']
    const due = Math.max(
      deliverat === undefined ? 0 : Date.parse(String(deliverat)),
      subscription === 'shop.delayed' ? appendedAt + delayMs : 0,
    )
    const name = `${subscription} ${event.id}`
    const notBefore = this.#notBefore.get(name)
    // It may have been set between the claim and here.
    const said = this.#wall.latest(secondMs)
    if (attempt === 1 && said < due) this.early.push(`${name}: ${due - said} ms before its time`)
    if (notBefore !== undefined && clock.monotonic() < notBefore) this.early.push(`${name}: retried before its pause`)
    if (attempt === 1 && this.#random() < 0.3) {
      const afterMs = this.#random() * 20 * secondMs
      this.#notBefore.set(name, clock.monotonic() + afterMs)
      this.retries++
      return Promise.resolve({ action: 'retry', reason: 'not yet', afterMs })
    }
    if (this.#calmAt !== undefined && notBefore === undefined) {
      this.latestMs = Math.max(this.latestMs, clock.now() - Math.max(due, this.#calmAt))
    }
    const handled = this.handled.get(subscription) ?? new Set()
    this.handled.set(subscription, handled.add(event.id))
    return Promise.resolve({ action: 'ack' })
  }
}

function expectAll({ handled, early, latestMs }: Watch, subscription: string, published: number): void {
  expect(early).toEqual([])
  const all = Array.from({ length: published }, (_, id) => String(id))
  expect(
    all.filter((id) => !handled.get(subscription)?.has(id)),
    `stuck at ${subscription}`,
  ).toEqual([])
  expect(latestMs).toBeLessThanOrEqual(lookAgainMs)
}

/** A lease neither ends nor lasts because somebody sets the clock. */
async function expectLease(broker: Broker, environment: SimulatedEnvironment, clock: WallClock): Promise<void> {
  const event = { id: 'leased', source: '/shop', type: leasedTopic }
  await broker.publish(caller, { topic: leasedTopic, events: [{ event }] })
  const pull = async (): Promise<readonly string[]> => {
    const pulled = broker.pull(caller, { subscription: 'shop.leased', max: 1, leaseMs })
    await environment.advance(1)
    return (await pulled).deliveries.map(({ event: { id } }) => id)
  }
  expect(await pull()).toContain('leased')
  clock.jump(dayMs)
  await environment.advance(leaseMs - secondMs)
  expect(await pull(), 'a lease that a clock ended').not.toContain('leased')
  clock.jump(-2 * dayMs)
  await environment.advance(2 * secondMs)
  expect(await pull(), 'a lease that a clock keeps').toContain('leased')
}

/** What recurs was published at most once for each time, and for none that the clock never said. */
async function expectHourly(broker: Broker, latest: number): Promise<void> {
  const { events } = await broker.read(caller, { topic: hourlyTopic, limit: 1_000 })
  const times = events.map(({ event: { id } }) => id)
  expect(new Set(times).size).toBe(times.length)
  expect(times.filter((time) => Date.parse(time) > latest)).toEqual([])
}
