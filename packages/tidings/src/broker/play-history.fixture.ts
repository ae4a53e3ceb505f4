import type { Engine } from '../engine/index.ts'
import type { SimulatedEnvironment } from '../testing/index.ts'
import { caller, topic, World } from './history.fixture.ts'
import * as consumers from './history-consumers.fixture.ts'
import * as operators from './history-operators.fixture.ts'
import type { ModelSubscription } from './history-model.fixture.ts'
import type { Life } from './lives.fixture.ts'

type Step = (life: Life) => Promise<void>

/** Moves everything in the store of an engine, which it stops, to another one, which it starts. */
export type Relocate = (engine: Engine) => Promise<Engine>

/** How often each step is taken, compared with the others. */
function stepsOf(world: World, moveStep: Step | undefined): readonly (readonly [number, Step])[] {
  const publishers = new operators.Publishers(world)
  return [
    [4, (life) => publishers.publish(life)],
    [6, (life) => consumers.pull(world, life)],
    [2, () => consumers.openStream(world)],
    [2, () => consumers.grant(world)],
    [1, () => consumers.endStream(world, world.pick(['close', 'abandon']))],
    [9, (life) => consumers.settle(world, life)],
    [1, (life) => consumers.renew(world, life)],
    [1, (life) => consumers.wake(world, life)],
    [2, (life) => operators.operateDead(world, life)],
    [1, (life) => operators.cancel(world, life)],
    [1, (life) => operators.count(world, life)],
    [3, () => world.pass(world.pick([1, 100, 2_000, 8_000]))],
    [1, async () => world.environment.jump(world.pick([-7_200_000, -60_000, 60_000, 7_200_000]))],
    [1, (life) => operators.seek(world, life)],
    [1, () => operators.erase(world)],
    [1, () => operators.trim(world)],
    [1, () => operators.configure(world)],
    [1, () => operators.pause(world)],
    [1, () => takeOver(world)],
    ...(moveStep ? [[2, moveStep] as const] : []),
  ]
}

/** Another broker takes the subscriptions over, while the one before believes that it has them. */
async function takeOver(world: World): Promise<void> {
  world.before.add(world.life)
  await world.begin()
  for (const { name } of world.subscriptions) {
    if (world.chance(0.7)) await world.life.ask(world.life.broker.stats(caller, name))
  }
}

/** All brokers end, and another one goes on over another store with everything in it. */
async function move(world: World, relocate: Relocate): Promise<void> {
  for (const life of [world.life, ...world.before]) life.end()
  world.before.clear()
  world.streams.clear()
  world.engine = await relocate(world.engine)
  await world.begin()
}

/** The broker ends in the middle of something, and another one goes on. */
async function crash(world: World, step: Step): Promise<void> {
  const { life } = world
  life.cutAfter(world.below(6), world.pick(['lost', 'unheard']))
  const taken = step(life)
  // Heard below, when everything else of the crash is done.
  taken.catch(() => undefined)
  await world.environment.advance(world.pick([0, 0, 500]))
  life.end()
  for (const open of world.streams) if (open.life === life) world.streams.delete(open)
  if (world.life === life) await world.begin()
  await taken
}

/** Plays one history of so many steps, lets it come to rest, and rejects what must not be. */
export async function playHistory(options: {
  readonly seed: number
  readonly steps: number
  readonly engine: Engine
  readonly environment: SimulatedEnvironment
  readonly relocate?: Relocate
}): Promise<World> {
  const { seed, steps, engine, environment, relocate } = options
  const world = new World(seed, engine, environment)
  await world.open()
  const moveStep = relocate && (() => move(world, relocate))
  const choices = stepsOf(world, moveStep).flatMap(([weight, step]) => Array.from({ length: weight }, () => step))
  for (world.step = 1; world.step <= steps; world.step++) {
    const step = world.pick(choices)
    const earlier = world.pick([...world.before])
    if (world.chance(0.06) && step !== moveStep) await crash(world, step)
    else await step(earlier && world.chance(0.2) ? earlier : world.life)
    await world.pass(0)
  }
  await drain(world)
  for (const life of [world.life, ...world.before]) life.end()
  return world
}

const mostRounds = 200

/** Lets everything come to rest: one good consumer does what is left. */
async function drain(world: World): Promise<void> {
  await world.ownAll()
  while (world.streams.size > 0) await consumers.endStream(world, 'close')
  world.environment.jump(8 * 3_600_000)
  for (const subscription of world.subscriptions) {
    const { name } = subscription
    await world.insist(({ broker }) => broker.resume(caller, name))
    subscription.paused = false
    subscription.redriving = true
    await empty(world, name)
    await world.pass(0)
    for (const published of world.log) {
      const missing = subscription.missing(published, world.log, world.erased)
      if (missing !== undefined) world.fail(`${name} lost an event: ${missing}`)
    }
  }
  await checkLog(world)
}

async function handBack(world: World, model: ModelSubscription): Promise<void> {
  const { broker } = world.life
  const subscription = model.name
  await broker.redrive(caller, { subscription, positions: 'all' })
  for (const { position, replaced } of (await broker.deadLetters(caller, { subscription })).deadLetters) {
    const positions = [position]
    const edit = replaced?.edit ?? 0
    const [answer] = await broker.redrive(caller, { subscription, positions, edit })
    const offset = world.offset(position)
    // That there was an edit is remembered, but not told, once it was erased.
    if (answer!.status === 'redriven' || !world.log[offset - 1]!.blank) continue
    await broker.discard(caller, { subscription, positions })
    model.finish(offset, 'discarded')
  }
}

async function empty(world: World, subscription: string): Promise<void> {
  const { life } = world
  const { broker } = life
  const model = world.subscriptions.find(({ name }) => name === subscription)!
  for (let round = 0; ; round++) {
    await world.pass(round === 0 ? 22_000 : 2_500)
    await handBack(world, model)
    await world.pass(0)
    const { deliveries } = await broker.pull(caller, { subscription, max: 1_000, leaseMs: 20_000 })
    world.came(life, model, deliveries, { holder: `drain-${round}`, pull: { leaseMs: 20_000 } })
    world.lookAtWhatCame()
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
    const answers = await broker.settle(caller, { subscription, outcomes })
    for (const [index, { status }] of answers.entries()) {
      const { lease } = deliveries[index]!
      const holding = model.holdings.find((each) => each.lease === lease)!
      world.require(status === 'settled', `${holding.offset} could not be acknowledged`)
      model.settled(holding, 'ack')
    }
    const stats = await broker.stats(caller, subscription)
    if (stats.pending === 0 && stats.dead === 0 && stats.floor === stats.head) return
    if (round === mostRounds) world.fail(`${subscription} does not come to rest: ${JSON.stringify(stats)}`)
  }
}

/** What was acknowledged to its publisher is there, once, in its place, unless retention took it. */
async function checkLog(world: World): Promise<void> {
  const { broker } = world.life
  const seen = new Set<number>()
  for (let after: string = 'beginning'; ;) {
    const { events, until } = await broker.read(caller, { topic, after, limit: 1_000 })
    for (const { position, event } of events) {
      const offset = world.offset(position)
      const published = world.log[offset - 1]
      world.require(published?.id === event.id, `${event.id} stands at ${offset}`)
      world.require(!world.erased.has(offset), `${offset} can be read although it was erased`)
      world.require((event.data && new TextDecoder().decode(event.data)) === published!.text, `${offset} has changed`)
      seen.add(offset)
    }
    if (events.length === 0 || until === after) break
    after = until
  }
  for (const { offset } of world.log) {
    const mayBeGone = world.erased.has(offset) || world.trimmable.has(offset)
    world.require(mayBeGone || seen.has(offset), `${offset} is lost`)
  }
}
