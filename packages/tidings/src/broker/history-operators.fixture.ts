import type { Event } from '../event/index.ts'
import type { PublishAnswer, PublishedEvent, RetentionPolicy, SeekRequest } from './index.ts'
import type { ModelSubscription } from './history-model.fixture.ts'
import { caller, topic, type World } from './history.fixture.ts'
import { retentionEveryMs, type Life } from './lives.fixture.ts'

/** What publishers and operators do in a history. */

const encoder = new TextEncoder()
const windowMs = 600_000 / 2

// ------------------------------------------------------------------------------------------------------------ publishing

export class Publishers {
  readonly #world: World
  readonly #sent: { readonly event: PublishedEvent; offset: number; readonly at: number }[] = []
  #counter = 0
  #version = 1
  #ids = 0

  constructor(world: World) {
    this.#world = world
  }

  async publish(life: Life): Promise<void> {
    const world = this.#world
    const events = Array.from({ length: 1 + world.below(4) }, () => this.#event())
    const repeated = this.#repeatable()
    if (repeated) events.push(repeated.event)
    const at = world.wall
    let asked = await life.ask(life.broker.publish(caller, { topic, events }))
    // A publisher that has heard nothing publishes the same again, before anything else.
    if (asked.status !== 'answered') {
      world.timesAreKnown = false
      const answer = await world.insist((next) => next.broker.publish(caller, { topic, events }))
      asked = { status: 'answered', answer }
    }
    for (const [index, answer] of asked.answer.entries()) this.#keep(events[index]!, answer, at)
  }

  #event(): PublishedEvent {
    const world = this.#world
    const { kind } = world
    const id = `e${++this.#ids}`
    const key = world.pick(kind === 'entity' ? ['a', 'b', 'c'] : [undefined, 'a', 'b', 'c'])
    const isTombstone = kind === 'entity' && world.chance(0.1)
    const dueAt = kind !== 'entity' && world.chance(0.1) ? world.wall + world.pick([10, 1_500, 30_000, 7_200_000]) : 0
    const version = world.chance(0.85) ? 1_000 * ++this.#version : 1_000 * this.#version - this.#ids
    const event: Event = {
      id,
      source: '/shop',
      type: kind === 'entity' ? `${topic}.${isTombstone ? 'deleted' : 'updated'}` : topic,
      subject: world.pick(['red', 'blue']),
      ...(key !== undefined && { key }),
      ...(kind === 'entity' && { sequence: String(version) }),
      ...(!isTombstone && { datacontenttype: 'text/plain', data: encoder.encode(`payload of ${id}`) }),
      ...(dueAt > 0 && { extensions: { deliverat: new Date(dueAt).toISOString() } }),
    }
    const stamped = world.chance(0.3)
    return { event, ...(stamped && { producer: { id: 'outbox', epoch: 1, counter: ++this.#counter } }) }
  }

  /** Something that was published before, which has to be recognised. */
  #repeatable(): { readonly event: PublishedEvent } | undefined {
    const { erased, trimmable } = this.#world
    const sent = this.#world.pick(this.#sent)
    if (!sent || erased.has(sent.offset) || trimmable.has(sent.offset) || !this.#world.chance(0.3)) return undefined
    return sent.event.producer || this.#isInWindow(sent.at) ? sent : undefined
  }

  #isInWindow(at: number): boolean {
    return this.#world.wall - at < windowMs && this.#world.mostWall - at < windowMs
  }

  #keep(published: PublishedEvent, answer: PublishAnswer, at: number): void {
    const world = this.#world
    const { event } = published
    const known = this.#sent.find((sent) => sent.event === published)
    if (answer.status === 'refused' || answer.status === 'spooled')
      return world.fail(`${event.id} was ${answer.status}`)
    if (known) {
      world.require(answer.status === 'duplicate', `${event.id} was stored twice`)
      const same = answer.position === undefined || world.offset(answer.position) === known.offset
      world.require(same, `${event.id} is at ${known.offset}, not at ${answer.position}`)
      return
    }
    world.require(answer.position !== undefined, `nobody knows where ${event.id} is`)
    const offset = world.offset(answer.position!)
    world.require(world.log[offset - 1] === undefined, `there are two events at ${offset}`)
    const newest = Math.max(
      0,
      ...this.#sent
        .filter((sent) => sent.event.event.key === event.key)
        .map((sent) => Number(sent.event.event.sequence ?? 0)),
    )
    const isStale =
      answer.status === 'stored' ? answer.stale === true : world.kind === 'entity' && Number(event.sequence) <= newest
    if (world.kind === 'entity')
      world.require(isStale === Number(event.sequence) <= newest, `${event.id} is stale: ${isStale}`)
    this.#sent.push({ event: published, offset, at })
    world.keep(offset, event, at, isStale)
  }
}

/** Removes payloads for good. */
export async function erase(world: World): Promise<void> {
  const key = world.pick(['a', 'b', 'c'])
  await world.ownAll()
  await world.insist((life) => life.broker.erase(caller, { topic, key }))
  await world.readLog()
  for (const published of world.log) {
    if (published.key !== key) continue
    const { offset, text } = published
    published.blank = true
    for (const { tracks } of world.subscriptions) delete tracks.get(offset)?.edit
    const isTombstone = world.kind === 'entity' && text === undefined
    if (!isTombstone && !world.erased.has(offset)) world.erased.set(offset, world.step)
  }
}

/** Lets retention remove what it may, and no more. */
export async function trim(world: World): Promise<void> {
  await world.ownAll()
  const maxEvents = world.below(world.log.length + 1)
  const { kind } = world
  const put = (retention: RetentionPolicy | 'none'): Promise<unknown> =>
    world.insist(({ broker }) => broker.putTopic(caller, { topic, kind, owner: 'shop', retention }))
  await put({ maxEvents: Math.max(1, maxEvents), tombstonesMs: 1 })
  await world.pass(retentionEveryMs)
  await put('none')
  for (const { offset } of world.log) if (offset <= world.log.length - maxEvents) world.trimmable.add(offset)
}

// ------------------------------------------------------------------------------------------------------------- operators

export async function configure(world: World): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  const { name } = subscription
  await world.ownAll()
  const filter = world.chance(0.5) ? world.anyFilter() : subscription.filters.at(-1)!.filter
  const policy = world.chance(0.5) ? world.anyPolicy() : subscription.policy
  subscription.filters.push({ since: world.log.length, filter })
  // What was dead before it steps aside, and what dies from here on may stop its key or not until it is done.
  subscription.configure(policy)
  await world.insist((life) =>
    life.broker.putSubscription(caller, { subscription: name, topic, from: 'beginning', filter, policy }),
  )
}

export async function pause(world: World): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  await world.ownAll()
  await world.pass(0)
  const { paused } = await world.insist((life) =>
    subscription.paused ? life.broker.resume(caller, subscription.name) : life.broker.pause(caller, subscription.name),
  )
  subscription.paused = paused !== undefined
}

export async function seek(world: World, life: Life): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  const effects = world.pick(['skip', 'run', 'missing'] as const)
  await world.ownAll()
  const request: SeekRequest = { subscription: subscription.name, to: anyTarget(world), effects }
  const preview = await life.ask(life.broker.previewSeek(caller, request))
  if (preview.status !== 'answered') {
    const isTrimmed = preview.status === 'rejected' && preview.code === 'position-unknown' && world.trimmable.size > 0
    return world.require(preview.status === 'gone' || isTrimmed, `a seek: ${JSON.stringify(preview)}`)
  }
  const start = world.offset(preview.answer.after)
  checkTarget(world, request.to, start)
  const asked = await life.ask(life.broker.seek(caller, request))
  // Nobody knows how far it came: the operator does it again.
  const { generation } =
    asked.status === 'answered' ? asked.answer : await world.insist(({ broker }) => broker.seek(caller, request))
  subscription.sought(start, effects, world.trimmable)
  // Some shards may have moved twice.
  if (asked.status !== 'answered') subscription.generation++
  const { leastGeneration, generation: most } = subscription
  world.require(generation >= leastGeneration && generation <= most, `a seek has led to generation ${generation}`)
}

function anyTarget(world: World): SeekRequest['to'] {
  const { log } = world
  const published = world.pick(log)
  return world.pick<SeekRequest['to']>([
    'beginning',
    'end',
    world.position(world.below(log.length + 1)),
    { time: published?.appendedAt ?? 0 },
  ])
}

function checkTarget(world: World, to: SeekRequest['to'], start: number): void {
  const { log } = world
  if (to === 'end') world.require(start === log.length, `the end is ${start}`)
  if (to === 'beginning' && world.trimmable.size === 0) world.require(start === 0, `the beginning is ${start}`)
  if (typeof to === 'string') return
  const isOrdered = log.every(({ appendedAt }, index) => appendedAt >= (log[index - 1]?.appendedAt ?? 0))
  const plain = log.filter(({ appendedAt }) => appendedAt < to.time).length
  if (isOrdered && world.trimmable.size === 0)
    world.require(start === plain, `time ${to.time} is ${start}, not ${plain}`)
}

async function deadLetters(world: World, life: Life, subscription: ModelSubscription) {
  const asked = await life.ask(life.broker.deadLetters(caller, { subscription: subscription.name, limit: 1_000 }))
  if (asked.status !== 'answered') return []
  const letters = asked.answer.deadLetters.map((letter) => ({ ...letter, offset: world.offset(letter.position) }))
  if (!world.owns(life, subscription)) return letters
  const listed = new Set(letters.map(({ offset }) => offset))
  for (const [offset, { dead, vague }] of subscription.tracks) {
    const mayBeGone = vague || subscription.redriving || subscription.policies.has('supersede')
    world.require(!dead || mayBeGone || listed.has(offset), `the dead letter ${offset} is not there`)
  }
  for (const { offset, event } of letters) {
    const track = subscription.track(offset)
    world.require(!track.finished || track.vague === true, `${offset} is dead although it was ${track.finished}`)
    if (!track.vague) checkLetter(world, offset, event, track.edit?.text)
  }
  return letters
}

function checkLetter(world: World, offset: number, { data }: Event, edited: string | undefined): void {
  const { text } = world.log[offset - 1]!
  const shown = data && new TextDecoder().decode(data)
  const expected = world.erased.has(offset) ? undefined : (edited ?? text)
  world.require(shown === expected, `the dead letter ${offset} says ${shown}, not ${expected}`)
}

export async function operateDead(world: World, life: Life): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  const { name } = subscription
  const letters = await deadLetters(world, life, subscription)
  const letter = world.pick(letters)
  if (!letter) return
  const { offset, position, replaced: { edit } = { edit: 0 } } = letter
  const track = subscription.track(offset)
  const action = world.pick(['redrive', 'discard', 'replace', 'job'] as const)
  if (action === 'job') {
    subscription.redriving = true
    const limits = world.pick([{}, { perSecond: 2 }, { canary: true }])
    await life.ask(life.broker.startRedrive(caller, { subscription: name, ...limits }))
    return
  }
  const text = `edit ${edit + 1} of ${offset}, made in step ${world.step}`
  const asked =
    action === 'redrive'
      ? await life.ask(life.broker.redrive(caller, { subscription: name, positions: [position], edit }))
      : action === 'discard'
        ? await life.ask(life.broker.discard(caller, { subscription: name, positions: [position] }))
        : await life.ask(
            life.broker.replace(caller, { subscription: name, position, edit, data: encoder.encode(text) }),
          )
  if (asked.status === 'gone') subscription.doubt(offset)
  if (asked.status !== 'answered') return
  const answer = 'position' in asked.answer ? { status: 'replaced' } : asked.answer[0]!
  if (answer.status === 'refused') return
  delete track.dead
  delete track.notBefore
  track.astray = true
  if (answer.status === 'replaced') track.edit = { edit: edit + 1, text }
  if (answer.status === 'discarded') {
    subscription.finish(offset, 'discarded')
  }
}

export async function cancel(world: World, life: Life): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  const asked = await life.ask(life.broker.scheduled(caller, { subscription: subscription.name, limit: 100 }))
  if (asked.status !== 'answered') return
  const chosen = world.pick(asked.answer.scheduled)
  if (!chosen) return
  const offset = world.offset(chosen.position)
  const done = await life.ask(
    life.broker.cancel(caller, { subscription: subscription.name, positions: [chosen.position] }),
  )
  if (done.status === 'gone') subscription.doubt(offset)
  if (done.status !== 'answered' || done.answer[0]!.status !== 'cancelled') return
  subscription.finish(offset, 'discarded')
}

/** The law of conservation, and what each count must be at least and at most. */
export async function count(world: World, life: Life): Promise<void> {
  const subscription = world.pick(world.subscriptions)
  const asked = await life.ask(life.broker.stats(caller, subscription.name))
  if (asked.status !== 'answered' || !world.owns(life, subscription)) return
  const stats = asked.answer
  const { pending, ready, leased, retrying, waiting, parked, scheduled, acknowledged, discarded } = stats
  const told = ready + leased + retrying + waiting + parked + scheduled
  world.require(pending >= told, `${told} are counted of ${pending} that are pending: ${JSON.stringify(stats)}`)
  const tracks = [...subscription.tracks.values()]
  const vague = tracks.filter((track) => track.vague).length
  for (const [name, number] of Object.entries({ acknowledged, discarded })) {
    const isSure = ({ finished, finishedIn, vague: unsure }: (typeof tracks)[number]): boolean =>
      finished === name && finishedIn === subscription.generation && !unsure
    const least = tracks.filter(isSure).length
    const fits = number >= least && number <= least + vague
    world.require(fits, `${number} are ${name}, not ${least} to ${least + vague}: ${JSON.stringify(stats)}`)
  }
}
