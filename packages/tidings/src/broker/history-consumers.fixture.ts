import type { OutcomeAction } from './index.ts'
import { graceMs, type ModelSubscription } from './history-model.fixture.ts'
import type { Holding } from './history-parts.fixture.ts'
import { caller, type OpenStream, type World } from './history.fixture.ts'
import type { Life } from './lives.fixture.ts'

/** What consumers do in a history, each checked against what the model expects of the answer. */

const lost = new Set(['ownership-lost', 'stopped'])

export async function pull(world: World, life: Life): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  const leaseMs = world.pick([1_000, 5_000, 20_000])
  const request = { subscription: subscription.name, max: 1 + world.below(4), leaseMs }
  const holder = `pull-${world.step}`
  const asked = await life.ask(life.broker.pull(caller, request))
  if (asked.status !== 'answered') return expectLost(world, asked)
  world.came(life, subscription, asked.answer.deliveries, { holder, pull: { leaseMs } })
  world.require(asked.answer.deliveries.length <= request.max, 'more came than was asked for')
  world.require(!subscription.paused || asked.answer.deliveries.length === 0, 'something came during a pause')
  checkFloor(world, life, subscription, world.offset(asked.answer.floor))
}

function expectLost(world: World, asked: { readonly status: string; readonly code?: string }): void {
  if (asked.status === 'rejected') world.require(lost.has(asked.code ?? ''), `rejected as ${asked.code}`)
}

/** Nothing that is with a consumer, and never was aside, may lie at or below the floor. */
function checkFloor(world: World, life: Life, subscription: ModelSubscription, floor: number): void {
  if (!world.owns(life, subscription) || subscription.redriving || subscription.delays) return
  for (const { offset, state, key, safeUntil } of subscription.holdings) {
    if (state !== 'held' || world.monotonic >= safeUntil || offset <= subscription.start) continue
    const wasAside = world.log.some((other) => {
      const track = subscription.tracks.get(other.offset)
      const before = other.offset === offset || (key !== undefined && other.key === key)
      return before && (other.dueAt > 0 || track?.dead !== undefined || track?.astray || track?.vague)
    })
    world.require(wasAside || offset > floor, `the floor ${floor} has passed ${offset}, which a consumer has`)
  }
}

export async function openStream(world: World): Promise<void> {
  const { life } = world
  const subscription = world.pick(world.subscriptions)
  const holder = world.pick(['worker-1', 'worker-2', 'worker-3'])
  const mine = subscription.holdings.filter((holding) => holding.holder === holder && holding.state !== 'lost')
  const presented = world.chance(0.8) ? mine : mine.filter(() => world.chance(0.5))
  const opened: { stream?: OpenStream } = {}
  const request = {
    subscription: subscription.name,
    holder,
    leases: presented.map(({ lease }) => lease),
    onDeliveries: (deliveries: Parameters<World['came']>[2]) => world.came(life, subscription, deliveries, { holder }),
    onClosed: () => {
      if (opened.stream) broke(world, opened.stream)
    },
  }
  const asked = await life.ask(life.broker.stream(caller, request))
  if (asked.status !== 'answered') return expectLost(world, asked)
  for (const other of world.streams) {
    if (other.life === life && other.holder === holder && other.subscription === subscription)
      world.streams.delete(other)
  }
  const kept = new Set(asked.answer.kept)
  // What one says that somebody took over from is worth nothing, and it does not know.
  if (world.owns(life, subscription)) {
    const wonBack = mine.find(({ state, lease }) => state === 'lost' && kept.has(lease))
    world.require(wonBack === undefined, `${wonBack?.offset} was kept although it is lost`)
    for (const holding of mine) keepOrLose(holding, kept.has(holding.lease), subscription.era)
  }
  opened.stream = { subscription, holder, life, stream: asked.answer }
  world.streams.add(opened.stream)
  asked.answer.grant(1 + world.below(8))
}

function keepOrLose(holding: Holding, kept: boolean, era: number): void {
  holding.state = kept ? 'held' : 'lost'
  holding.safeUntil = kept ? Infinity : 0
  if (kept) holding.era = era
}

/** Its holder has a grace to come back. */
function broke(world: World, { subscription, holder, life }: OpenStream): void {
  for (const open of world.streams)
    if (open.holder === holder && open.life === life && open.subscription === subscription) world.streams.delete(open)
  if (world.owns(life, subscription)) release(world, subscription, holder, world.monotonic + graceMs)
}

function release(world: World, { holdings }: ModelSubscription, holder: string, safeUntil: number): void {
  for (const holding of holdings) {
    if (holding.holder !== holder || holding.state !== 'held' || holding.pull) continue
    holding.state = safeUntil > world.monotonic ? 'doubtful' : 'lost'
    holding.safeUntil = Math.min(holding.safeUntil, safeUntil)
  }
}

export async function grant(world: World): Promise<void> {
  const open = world.pick([...world.streams])
  open?.stream.grant(1 + world.below(5))
}

export async function endStream(world: World, how: 'close' | 'abandon'): Promise<void> {
  await world.pass(0)
  const open = world.pick([...world.streams])
  if (!open) return
  const { subscription, holder, stream, life } = open
  world.streams.delete(open)
  if (world.owns(life, subscription))
    release(world, subscription, holder, world.monotonic + (how === 'close' ? 0 : graceMs))
  if (how === 'close') await life.ask(stream.close())
  else stream.abandon()
}

// -------------------------------------------------------------------------------------------------------------- settling

export async function settle(world: World, life: Life): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  const { holdings } = subscription
  const holding = world.pick(world.chance(0.9) ? holdings.filter(({ state }) => state === 'held') : holdings)
  if (!holding) return
  const outcome = anyOutcome(world)
  const expected = expectation(world, subscription, holding, outcome.action)
  const { owned, before } = { owned: world.owns(life, subscription), before: subscription.generation }
  const { safeUntil } = holding
  const request = { subscription: subscription.name, outcomes: [{ lease: holding.lease, ...outcome }] }
  const asked = await life.ask(life.broker.settle(caller, request))
  if (asked.status === 'gone') return subscription.doubt(holding.offset)
  if (asked.status === 'rejected') return expectLost(world, asked)
  const [answer] = asked.answer
  const came = answer!.status === 'settled' ? 'settled' : answer!.code
  const what = `${outcome.action} of ${holding.offset} (${holding.state}) was answered ${came}`
  world.require(owned || world.owns(life, subscription) || came !== 'settled', `${what}, of one that is no owner`)
  if (owned) world.require(expected.includes(came), `${what}, not ${expected.join(' or ')}`)
  // Who is told so lets go of it, and presents it no more.
  if (came === 'lease-lost' && owned) Object.assign(holding, { state: 'lost', safeUntil: 0 })
  if (came !== 'settled' || before !== subscription.generation) return
  subscription.settled(holding, outcome.action)
  const track = subscription.track(holding.offset)
  const afterMs =
    'afterMs' in outcome ? Math.min(outcome.afterMs ?? 0, outcome.action === 'wait' ? 60_000 : Infinity) : 0
  const timed = afterMs > 0 && !('outage' in outcome) && safeUntil > 0
  if (timed) track.notBefore = { monotonic: world.monotonic + afterMs, wall: world.wall + afterMs, delayMs: afterMs }
}

function anyOutcome(world: World): OutcomeAction {
  const reason = 'so it is'
  const retries = { action: 'retry', reason } as const
  const afterMs = world.pick([10, 1_500, 15_000])
  return world.pick<OutcomeAction>([
    ...Array.from({ length: 6 }, () => ({ action: 'ack' }) as const),
    retries,
    { ...retries, afterMs },
    { ...retries, outage: world.pick(['down', 'slow']) },
    { action: 'dead-letter', reason },
    { action: 'wait', reason, afterMs },
    { action: 'release' },
    world.kind === 'task' ? { action: 'refuse', reason } : retries,
  ])
}

/** What a settle may be answered. */
function expectation(
  world: World,
  subscription: ModelSubscription,
  holding: Holding,
  action: string,
): readonly string[] {
  const any = ['settled', 'lease-lost', 'lease-out-of-order']
  if (holding.state === 'lost') return ['lease-lost']
  if (holding.state === 'doubtful' || world.monotonic >= holding.safeUntil) return any
  if (!holding.pull && holding.era !== subscription.era) return any
  const earlier = subscription.holdings.some(
    ({ key, offset, state }) => key !== undefined && key === holding.key && offset < holding.offset && state !== 'lost',
  )
  return earlier && action !== 'release' ? ['settled', 'lease-out-of-order'] : ['settled']
}

export async function renew(world: World, life: Life): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  const held = subscription.holdings.filter(({ pull: pulled }) => pulled)
  const holding = world.pick(held)
  if (!holding) return
  const leaseMs = 20_000
  const [expected] = expectation(world, subscription, holding, 'release')
  const owned = world.owns(life, subscription)
  const run = held.filter(
    ({ state, holder, key }) =>
      state === 'held' && holder === holding.holder && key === holding.key && key !== undefined,
  )
  const request = { subscription: subscription.name, leases: [holding.lease], leaseMs }
  const asked = await life.ask(life.broker.renew(caller, request))
  if (asked.status !== 'answered') {
    // Whether they are longer now, or shorter, is not known.
    if (asked.status === 'gone')
      for (const each of [holding, ...run]) each.safeUntil = Math.min(each.safeUntil, world.monotonic + 1)
    return expectLost(world, asked)
  }
  const came = asked.answer[0]!.status === 'settled' ? 'settled' : 'lease-lost'
  const sure = holding.state !== 'doubtful' && world.monotonic < holding.safeUntil
  if (owned && (sure || holding.state === 'lost'))
    world.require(came === expected, `renewing ${holding.offset} was answered ${came}`)
  if (came !== 'settled') return
  for (const each of new Set([holding, ...run])) {
    each.state = 'held'
    each.safeUntil = world.monotonic + leaseMs
    each.pull = { leaseMs, wallUntil: world.wall + leaseMs }
  }
}

export async function wake(world: World, life: Life): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  const waiting = [...subscription.tracks].filter(([, { notBefore }]) => notBefore).map(([offset]) => offset)
  if (waiting.length === 0) return
  for (const offset of waiting) delete subscription.track(offset).notBefore
  const positions = waiting.map((offset) => world.position(offset))
  await life.ask(life.broker.wake(caller, { subscription: subscription.name, positions }))
}
