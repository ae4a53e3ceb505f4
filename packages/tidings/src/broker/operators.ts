import { TidingsError } from '../errors.ts'
import type { Engine } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import { checkEffects, limits, refuseTwice, wholeNumber } from './arguments.ts'
import * as deadLetters from './dead-letters.ts'
import type { Entrance } from './entrance.ts'
import * as operate from './operate.ts'
import type * as port from './port.ts'
import type { Caller } from './port.ts'
import { nextBatch } from './redrive-batch.ts'
import { previewSeek, seekTarget } from './seek-target.ts'
import * as scheduled from './scheduled.ts'
import { explain } from './standing.ts'

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

  async seek(caller: Caller, request: port.SeekRequest): Promise<port.SubscriptionDescription> {
    const { subscription, to, effects = 'skip' } = request
    checkEffects(effects)
    const namespace = await this.#entrance.subscription(caller, 'consume', subscription)
    const { topic } = await namespace.subscription(subscription)
    const offset = await seekTarget(this.#engine.log, namespace, { namespace: caller.namespace, topic }, to)
    const runner = await namespace.runner(subscription)
    await Promise.all(runner.shards.map((shard) => shard.seek(offset, effects)))
    return operate.describeSubscription(namespace, subscription)
  }

  async previewSeek(
    caller: Caller,
    { subscription, to, effects = 'skip' }: port.SeekRequest,
  ): Promise<port.SeekPreview> {
    checkEffects(effects)
    const namespace = await this.#entrance.subscription(caller, 'inspect', subscription)
    const { topic } = await namespace.subscription(subscription)
    const start = await seekTarget(this.#engine.log, namespace, { namespace: caller.namespace, topic }, to)
    const { head } = await namespace.describe(topic)
    return { subscription, ...(await previewSeek(await namespace.runner(subscription), start, head)) }
  }

  async pause(caller: Caller, subscription: string): Promise<port.SubscriptionDescription> {
    const namespace = await this.#entrance.subscription(caller, 'operate', subscription)
    await namespace.setPaused(subscription, { at: this.#environment.clock.now(), by: caller.principal })
    return operate.describeSubscription(namespace, subscription)
  }

  async resume(caller: Caller, subscription: string): Promise<port.SubscriptionDescription> {
    const namespace = await this.#entrance.subscription(caller, 'operate', subscription)
    await namespace.setPaused(subscription, undefined)
    return operate.describeSubscription(namespace, subscription)
  }

  async deadLetters(caller: Caller, request: port.DeadLettersRequest): Promise<port.DeadLetterPage> {
    const limit = wholeNumber(request.limit, limits.limit)
    const runner = await this.#entrance.runner(caller, 'inspect', request.subscription)
    const [after = 0] =
      request.after === undefined ? [] : await this.#entrance.offsets(caller, request.subscription, [request.after])
    return deadLetters.listDeadLetters(runner, after, limit)
  }

  async redrive(caller: Caller, request: port.RedriveRequest): Promise<readonly port.RedriveAnswer[]> {
    const { subscription, positions } = request
    const edit = wholeNumber(request.edit, limits.edit)
    const runner = await this.#entrance.runner(caller, 'operate', subscription)
    if (positions !== 'all') refuseTwice(positions, 'position')
    const offsets = positions === 'all' ? 'all' : await this.#entrance.offsets(caller, subscription, positions)
    return deadLetters.redrive(runner, offsets, edit)
  }

  async startRedrive(caller: Caller, request: port.StartRedriveRequest): Promise<port.Redrive> {
    const { perSecond } = request
    if (perSecond !== undefined && !(perSecond > 0 && perSecond <= 1_000_000)) {
      throw new TidingsError('bad-request', `"perSecond" must be a number above 0; it was ${perSecond}.`)
    }
    const runner = await this.#entrance.runner(caller, 'operate', request.subscription)
    return runner.redrives.start(request, caller.principal)
  }

  async previewRedrive(caller: Caller, request: port.StartRedriveRequest): Promise<port.RedrivePreview> {
    const { subscription, filter = {} } = request
    const runner = await this.#entrance.runner(caller, 'inspect', subscription)
    const all = { filter, after: 0, edited: 0, startedAt: Infinity }
    const { batch, edited } = await nextBatch(runner.shards, all, Infinity)
    const positions = batch.slice(0, 100).map((offset) => runner.position(offset))
    return { subscription, deadLetters: batch.length, edited, positions }
  }

  async redrives(caller: Caller, subscription: string): Promise<readonly port.Redrive[]> {
    return (await this.#entrance.runner(caller, 'inspect', subscription)).redrives.list()
  }

  async stopRedrive(
    caller: Caller,
    { subscription, redrive }: { subscription: string; redrive: string },
  ): Promise<port.Redrive> {
    const runner = await this.#entrance.runner(caller, 'operate', subscription)
    return runner.redrives.stop(redrive, caller.principal)
  }

  async replace(caller: Caller, request: port.ReplaceRequest): Promise<port.ReplaceAnswer> {
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

  async discard(caller: Caller, request: port.DiscardRequest): Promise<readonly port.DiscardAnswer[]> {
    const runner = await this.#entrance.runner(caller, 'operate', request.subscription)
    refuseTwice(request.positions, 'position')
    return deadLetters.discard(runner, await this.#entrance.offsets(caller, request.subscription, request.positions))
  }

  async scheduled(caller: Caller, request: port.ScheduledRequest): Promise<port.ScheduledPage> {
    const limit = wholeNumber(request.limit, limits.limit)
    const runner = await this.#entrance.runner(caller, 'inspect', request.subscription)
    return scheduled.listScheduled(runner, request.cursor, limit)
  }

  async cancel(caller: Caller, request: port.CancelRequest): Promise<readonly port.CancelAnswer[]> {
    const runner = await this.#entrance.runner(caller, 'operate', request.subscription)
    refuseTwice(request.positions, 'position')
    return scheduled.cancel(runner, await this.#entrance.offsets(caller, request.subscription, request.positions))
  }

  async stats(caller: Caller, subscription: string): Promise<port.SubscriptionStats> {
    const namespace = await this.#entrance.subscription(caller, 'inspect', subscription)
    const now = this.#environment.clock.now()
    return operate.subscriptionStats(this.#engine, caller.namespace, namespace, subscription, now)
  }

  async explain(
    caller: Caller,
    request: { subscription: string; event: port.EventReference },
  ): Promise<port.Explanation> {
    const namespace = await this.#entrance.subscription(caller, 'inspect', request.subscription)
    return explain(this.#engine, caller.namespace, namespace, request)
  }
}
