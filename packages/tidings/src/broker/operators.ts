import type { Engine } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { checkEffects, checkPerSecond, limits, refuseTwice, wholeNumber } from './arguments.ts'
import * as deadLetters from './dead-letters.ts'
import type { Entrance } from './entrance.ts'
import * as operate from './operate.ts'
import type {
  DeadLetterPage,
  DeadLettersRequest,
  DiscardAnswer,
  Redrive,
  RedriveAnswer,
  RedrivePreview,
  RedriveRequest,
  ReplaceAnswer,
  ReplaceRequest,
  StartRedriveRequest,
} from './port/dead-letters.ts'
import type {
  CancelAnswer,
  EventReference,
  Explanation,
  ScheduledPage,
  ScheduledRequest,
  SeekPreview,
  SeekRequest,
  SubscriptionStats,
} from './port/standing.ts'
import type { PositionsRequest } from './port/positions.ts'
import type { RepairNote } from './port/events.ts'
import type { SubscriptionDescription } from './port/subscriptions.ts'
import type { Caller } from './port/broker.ts'
import { nextBatch } from './redrive-batch.ts'
import { previewSeek, seekTarget } from './seek-target.ts'
import * as scheduled from './scheduled.ts'
import { explain } from './standing.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

const mostRepairs = 100

/** The part of a broker that operators use. */
export class Operators {
  readonly #engine: Engine
  readonly #environment: Environment
  readonly #entrance: Entrance

  constructor(options: { engine: Engine; environment: Environment; entrance: Entrance }) {
    this.#engine = options.engine
    this.#environment = options.environment
    this.#entrance = options.entrance
  }

  async seek(caller: Caller, request: SeekRequest): Promise<SubscriptionDescription> {
    const { subscription, to, effects = 'skip', perSecond } = request
    checkEffects(effects)
    checkPerSecond(perSecond)
    const namespace = await this.#entrance.subscription(caller, 'consume', subscription)
    const { topic } = await namespace.subscription(subscription)
    const offset = await seekTarget(this.#engine.log, namespace, { namespace: caller.namespace, topic }, to)
    const runner = await namespace.runner(subscription)
    const { head: until } = await namespace.describe(topic)
    const generation = runner.progress().generation + 1
    // Known before anything comes again: no crash lets the events of a bounded seek through at once.
    await namespace.setSeekRate(subscription, perSecond === undefined ? undefined : { perSecond, until, generation })
    await Promise.all(runner.shards.map((shard) => shard.seek(offset, effects)))
    return operate.describeSubscription(namespace, subscription)
  }

  async previewSeek(caller: Caller, { subscription, to, effects = 'skip' }: SeekRequest): Promise<SeekPreview> {
    checkEffects(effects)
    const namespace = await this.#entrance.subscription(caller, 'inspect', subscription)
    const { topic } = await namespace.subscription(subscription)
    const start = await seekTarget(this.#engine.log, namespace, { namespace: caller.namespace, topic }, to)
    const { head } = await namespace.describe(topic)
    return { subscription, ...(await previewSeek(await namespace.runner(subscription), start, head)) }
  }

  async pause(caller: Caller, subscription: string): Promise<SubscriptionDescription> {
    const namespace = await this.#entrance.subscription(caller, 'operate', subscription)
    await namespace.setPaused(subscription, { at: this.#environment.clock.now(), by: caller.principal })
    return operate.describeSubscription(namespace, subscription)
  }

  async resume(caller: Caller, subscription: string): Promise<SubscriptionDescription> {
    const namespace = await this.#entrance.subscription(caller, 'operate', subscription)
    await namespace.setPaused(subscription, undefined)
    return operate.describeSubscription(namespace, subscription)
  }

  async deadLetters(caller: Caller, request: DeadLettersRequest): Promise<DeadLetterPage> {
    const limit = wholeNumber(request.limit, limits.limit)
    const runner = await this.#entrance.runner(caller, 'inspect', request.subscription)
    const [after = 0] =
      request.after === undefined ? [] : await this.#entrance.offsets(caller, request.subscription, [request.after])
    return deadLetters.listDeadLetters(runner, after, limit)
  }

  async redrive(caller: Caller, request: RedriveRequest): Promise<readonly RedriveAnswer[]> {
    const { subscription, positions } = request
    const edit = wholeNumber(request.edit, limits.edit)
    const runner = await this.#entrance.runner(caller, 'operate', subscription)
    if (positions !== 'all') refuseTwice(positions, 'position')
    const offsets = positions === 'all' ? 'all' : await this.#entrance.offsets(caller, subscription, positions)
    return deadLetters.redrive(runner, offsets, edit)
  }

  async startRedrive(caller: Caller, request: StartRedriveRequest): Promise<Redrive> {
    checkPerSecond(request.perSecond)
    const runner = await this.#entrance.runner(caller, 'operate', request.subscription)
    return runner.redrives.start(request, caller.principal)
  }

  async previewRedrive(caller: Caller, request: StartRedriveRequest): Promise<RedrivePreview> {
    const { subscription, filter = {} } = request
    const runner = await this.#entrance.runner(caller, 'inspect', subscription)
    const all = { filter, after: 0, edited: 0, startedAt: Infinity }
    const { batch, edited } = await nextBatch(runner.shards, all, Infinity)
    const positions = batch.slice(0, 100).map((offset) => runner.position(offset))
    return { subscription, deadLetters: batch.length, edited, positions }
  }

  async redrives(caller: Caller, subscription: string): Promise<readonly Redrive[]> {
    return (await this.#entrance.runner(caller, 'inspect', subscription)).redrives.list()
  }

  async stopRedrive(
    caller: Caller,
    { subscription, redrive }: { subscription: string; redrive: string },
  ): Promise<Redrive> {
    const runner = await this.#entrance.runner(caller, 'operate', subscription)
    return runner.redrives.stop(redrive, caller.principal)
  }

  async replace(caller: Caller, request: ReplaceRequest): Promise<ReplaceAnswer> {
    const { subscription, position, data, datacontenttype } = request
    const edit = wholeNumber(request.edit, limits.edit)
    const namespace = await this.#entrance.subscription(caller, 'operate', subscription)
    const publisher = await namespace.publisher((await namespace.subscription(subscription)).topic)
    const [offset] = await this.#entrance.offsets(caller, subscription, [position])
    const by = { edit, by: caller.principal, at: this.#environment.clock.now() }
    return deadLetters.replace(await namespace.runner(subscription), { offset: offset!, ...by }, (event) => {
      const rewritten = { ...event, data, ...(datacontenttype === undefined ? {} : { datacontenttype }) }
      publisher.check(rewritten)
      return rewritten
    })
  }

  async discard(caller: Caller, request: PositionsRequest): Promise<readonly DiscardAnswer[]> {
    const { runner, offsets } = await this.#chosen(caller, request)
    return deadLetters.discard(runner, offsets)
  }

  async scheduled(caller: Caller, request: ScheduledRequest): Promise<ScheduledPage> {
    const limit = wholeNumber(request.limit, limits.limit)
    const runner = await this.#entrance.runner(caller, 'inspect', request.subscription)
    return scheduled.listScheduled(runner, request.cursor, limit)
  }

  async cancel(caller: Caller, request: PositionsRequest): Promise<readonly CancelAnswer[]> {
    const { runner, offsets } = await this.#chosen(caller, request)
    return scheduled.cancel(runner, offsets)
  }

  async stats(caller: Caller, subscription: string): Promise<SubscriptionStats> {
    const namespace = await this.#entrance.subscription(caller, 'inspect', subscription)
    const now = this.#environment.clock.now()
    return operate.subscriptionStats(this.#engine, caller.namespace, namespace, subscription, now)
  }

  async explain(caller: Caller, request: { subscription: string; event: EventReference }): Promise<Explanation> {
    const namespace = await this.#entrance.subscription(caller, 'inspect', request.subscription)
    return explain(this.#engine, caller.namespace, namespace, request)
  }

  /** Only lets in who may; that it was done is what the audit says. */
  async noteRepair(caller: Caller, { topic, repairs }: RepairNote): Promise<void> {
    await this.#entrance.topic(caller, 'operate', topic)
    if (repairs.length > 0 && repairs.length <= mostRepairs) return
    throw new TidingsError(
      'bad-request',
      `A note is of 1 to ${mostRepairs} repairs; there were ${repairs.length}. Send several.`,
    )
  }

  async #chosen(
    caller: Caller,
    { subscription, positions }: PositionsRequest,
  ): Promise<{ readonly runner: SubscriptionRunner; readonly offsets: readonly number[] }> {
    const runner = await this.#entrance.runner(caller, 'operate', subscription)
    refuseTwice(positions, 'position')
    return { runner, offsets: await this.#entrance.offsets(caller, subscription, positions) }
  }
}
