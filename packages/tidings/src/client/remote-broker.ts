import type { Broker, Caller, ServiceRegistration } from '../broker/port/broker.ts'
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
} from '../broker/port/dead-letters.ts'
import type {
  DeliveryStream,
  PullAnswer,
  PullRequest,
  RenewRequest,
  SettleAnswer,
  SettleRequest,
  StreamRequest,
} from '../broker/port/deliveries.ts'
import type {
  EraseAnswer,
  EraseRequest,
  FollowRequest,
  Follower,
  LatestPage,
  LatestRequest,
  HistoryAnswer,
  HistoryRequest,
  PublishAnswer,
  PublishRequest,
  PublishedEvent,
  ReadPage,
  ReadRequest,
  RepairNote,
} from '../broker/port/events.ts'
import type {
  ContractDescription,
  ContractPlan,
  RegisterContractRequest,
  ReportNeedsRequest,
} from '../broker/port/contracts.ts'
import type { ScheduleDefinition, ScheduleDescription } from '../broker/port/schedules.ts'
import type {
  CancelAnswer,
  EventReference,
  Explanation,
  ScheduledPage,
  ScheduledRequest,
  SeekPreview,
  SeekRequest,
  SubscriptionStats,
} from '../broker/port/standing.ts'
import type { PositionsRequest } from '../broker/port/positions.ts'
import type { SubscriptionDefinition, SubscriptionDescription } from '../broker/port/subscriptions.ts'
import type { TopicDefinition, TopicDescription } from '../broker/port/topics.ts'
import { TidingsError } from '../errors.ts'
import { decodeSchedule, encodeOutcome, encodeTemplate, type Operation, type WireSchedule } from '../protocol/index.ts'
import { Http, type HttpOptions, type HttpRequest } from './http.ts'
import { publishBatch } from './publish-batch.ts'
import { PublishQueue } from './publish-queue.ts'
import type { Lane, Spool } from './spool.ts'
import { Spooling } from './spooling.ts'
import { RemoteStreams, type RemoteStreamsOptions } from './remote-streams.ts'

export interface RemoteBrokerOptions extends HttpOptions, RemoteStreamsOptions {
  readonly spool: Spool | undefined
}

interface Results<Answer> {
  readonly results: readonly Answer[]
}

/** The broker port over HTTP, with deliveries over a WebSocket or long polling. */
export class RemoteBroker implements Broker {
  readonly #options: RemoteBrokerOptions
  readonly #http: Http
  readonly #spooling: Spooling | undefined
  /** By topic and caller. */
  readonly #queues = new Map<string, PublishQueue>()
  readonly #streams: RemoteStreams
  #stopped = false

  constructor(options: RemoteBrokerOptions) {
    this.#options = options
    this.#http = new Http(options)
    this.#streams = new RemoteStreams(options, this.#http)
    const { spool, environment } = options
    if (!spool) return
    const send = (lane: Lane, events: readonly PublishedEvent[]) =>
      publishBatch(this.#http, lane.caller, { topic: lane.topic, events })
    this.#spooling = new Spooling({ spool, environment, send })
    // What an earlier life left is sent without waiting for somebody to publish more.
    this.#spooling.start().catch((error: Error) => spool.trouble(error))
  }

  async start(): Promise<void> {
    this.#stopped = false
    await this.#spooling?.start()
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    await Promise.all([...this.#queues.values()].map((queue) => queue.idle()))
    this.#streams.stop(this.#stoppedError())
    await this.#spooling?.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #call<Answer extends object>(operation: Operation, caller: Caller, request?: HttpRequest): Promise<Answer> {
    if (this.#stopped) throw this.#stoppedError()
    return this.#http.call<Answer>(operation, caller, request)
  }

  #stoppedError(): TidingsError {
    return new TidingsError(
      'stopped',
      `The connection to ${this.#options.url} was stopped here; start it again to use it.`,
    )
  }

  // ---------------------------------------------------------------------------------------------- services and topics

  async registerService(caller: Caller, { service, ...body }: ServiceRegistration): Promise<void> {
    await this.#call('registerService', caller, { names: { service }, body })
  }

  putTopic(caller: Caller, { topic, ...body }: TopicDefinition): Promise<TopicDescription> {
    return this.#call('putTopic', caller, { names: { topic }, body })
  }

  topic(caller: Caller, topic: string): Promise<TopicDescription> {
    return this.#call('topic', caller, { names: { topic } })
  }

  async topics(caller: Caller): Promise<readonly TopicDescription[]> {
    return (await this.#call<{ topics: readonly TopicDescription[] }>('topics', caller)).topics
  }

  async removeTopic(caller: Caller, topic: string): Promise<void> {
    await this.#call('removeTopic', caller, { names: { topic } })
  }

  // -------------------------------------------------------------------------------------------------------- contracts

  registerContract(caller: Caller, { service, ...body }: RegisterContractRequest): Promise<ContractPlan> {
    return this.#call('registerContract', caller, { names: { service }, body })
  }

  planContract(caller: Caller, { service, ...body }: RegisterContractRequest): Promise<ContractPlan> {
    return this.#call('planContract', caller, { names: { service }, body })
  }

  contract(caller: Caller, service: string): Promise<ContractDescription> {
    return this.#call('contract', caller, { names: { service } })
  }

  async contracts(caller: Caller): Promise<readonly ContractDescription[]> {
    return (await this.#call<{ contracts: readonly ContractDescription[] }>('contracts', caller)).contracts
  }

  async reportNeeds(caller: Caller, { service, ...body }: ReportNeedsRequest): Promise<void> {
    await this.#call('reportNeeds', caller, { names: { service }, body })
  }

  // ------------------------------------------------------------------------------------------------- publish and read

  async publish(caller: Caller, { topic, events }: PublishRequest): Promise<readonly PublishAnswer[]> {
    if (this.#stopped) throw this.#stoppedError()
    // What has a stamp already is kept by an outbox.
    const spooling = events.some(({ producer }) => producer) ? undefined : this.#spooling
    const name = JSON.stringify([caller.namespace, caller.principal, topic, spooling !== undefined])
    let queue = this.#queues.get(name)
    if (!queue) {
      queue = new PublishQueue((batch) =>
        spooling ? spooling.send(caller, topic, batch) : publishBatch(this.#http, caller, { topic, events: batch }),
      )
      this.#queues.set(name, queue)
    }
    return queue.publish(events)
  }

  async producer(caller: Caller, names: { topic: string; producer: string }): ReturnType<Broker['producer']> {
    const { producer } = await this.#call<{ producer: Awaited<ReturnType<Broker['producer']>> | null }>(
      'producer',
      caller,
      { names },
    )
    return producer ?? undefined
  }

  read(caller: Caller, { topic, ...query }: ReadRequest): Promise<ReadPage> {
    return this.#call('read', caller, { names: { topic }, query })
  }

  erase(caller: Caller, { topic, ...body }: EraseRequest): Promise<EraseAnswer> {
    return this.#call('erase', caller, { names: { topic }, body })
  }

  latest(caller: Caller, { topic, ...query }: LatestRequest): Promise<LatestPage> {
    return this.#call('latest', caller, { names: { topic }, query })
  }

  history(caller: Caller, { topic, ...body }: HistoryRequest): Promise<HistoryAnswer> {
    return this.#call('history', caller, { names: { topic }, body })
  }

  async follow(caller: Caller, request: FollowRequest): Promise<Follower> {
    if (this.#stopped) throw this.#stoppedError()
    return this.#streams.follow(caller, request)
  }

  // -------------------------------------------------------------------------------------------------------- schedules

  async putSchedule(caller: Caller, { schedule, ...body }: ScheduleDefinition): Promise<ScheduleDescription> {
    const sent = { ...body, event: encodeTemplate(body.event) }
    return decodeSchedule(await this.#call('putSchedule', caller, { names: { schedule }, body: sent }))
  }

  async schedules(caller: Caller): Promise<readonly ScheduleDescription[]> {
    return (await this.#call<{ schedules: readonly WireSchedule[] }>('schedules', caller)).schedules.map(decodeSchedule)
  }

  async removeSchedule(caller: Caller, schedule: string): Promise<void> {
    await this.#call('removeSchedule', caller, { names: { schedule } })
  }

  // ---------------------------------------------------------------------------------------------------- subscriptions

  putSubscription(caller: Caller, { subscription, ...body }: SubscriptionDefinition): Promise<SubscriptionDescription> {
    return this.#call('putSubscription', caller, { names: { subscription }, body })
  }

  subscription(caller: Caller, subscription: string): Promise<SubscriptionDescription> {
    return this.#call('subscription', caller, { names: { subscription } })
  }

  async subscriptions(caller: Caller): Promise<readonly SubscriptionDescription[]> {
    return (await this.#call<{ subscriptions: readonly SubscriptionDescription[] }>('subscriptions', caller))
      .subscriptions
  }

  async removeSubscription(caller: Caller, subscription: string): Promise<void> {
    await this.#call('removeSubscription', caller, { names: { subscription } })
  }

  pull(caller: Caller, { subscription, ...body }: PullRequest): Promise<PullAnswer> {
    return this.#call('pull', caller, { names: { subscription }, body, waitMs: body.waitMs ?? 0 })
  }

  async settle(caller: Caller, { subscription, outcomes, ...rest }: SettleRequest): Promise<readonly SettleAnswer[]> {
    const body = { outcomes: outcomes.map(encodeOutcome), ...rest }
    if (this.#stopped) throw this.#stoppedError()
    const socket = this.#streams.openSocket(caller)
    const { results } = (
      socket
        ? await socket.request({ type: 'settle', subscription, ...body })
        : await this.#call('settle', caller, { names: { subscription }, body })
    ) as Results<SettleAnswer>
    const ended = results.filter(({ status }) => status === 'settled').map(({ lease }) => lease)
    this.#streams.forget(ended)
    return results
  }

  async renew(caller: Caller, { subscription, ...body }: RenewRequest): Promise<readonly SettleAnswer[]> {
    if (this.#stopped) throw this.#stoppedError()
    const socket = this.#streams.openSocket(caller)
    const answer = socket
      ? await socket.request({ type: 'renew', subscription, ...body })
      : await this.#call('renew', caller, { names: { subscription }, body })
    return (answer as Results<SettleAnswer>).results
  }

  async wake(
    caller: Caller,
    { subscription, ...body }: { subscription: string; positions: readonly string[] },
  ): Promise<number> {
    return (await this.#call<{ woken: number }>('wake', caller, { names: { subscription }, body })).woken
  }

  // ----------------------------------------------------------------------------------------------------------- streams

  async stream(caller: Caller, request: StreamRequest): Promise<DeliveryStream> {
    if (this.#stopped) throw this.#stoppedError()
    return this.#streams.open(caller, request)
  }

  // -------------------------------------------------------------------------------------------------------- operators

  seek(caller: Caller, { subscription, ...body }: SeekRequest): Promise<SubscriptionDescription> {
    return this.#call('seek', caller, { names: { subscription }, body })
  }

  pause(caller: Caller, subscription: string): Promise<SubscriptionDescription> {
    return this.#call('pause', caller, { names: { subscription }, body: {} })
  }

  resume(caller: Caller, subscription: string): Promise<SubscriptionDescription> {
    return this.#call('resume', caller, { names: { subscription }, body: {} })
  }

  previewSeek(caller: Caller, { subscription, ...body }: SeekRequest): Promise<SeekPreview> {
    return this.#call('previewSeek', caller, { names: { subscription }, body })
  }

  deadLetters(caller: Caller, { subscription, ...query }: DeadLettersRequest): Promise<DeadLetterPage> {
    return this.#call('deadLetters', caller, { names: { subscription }, query })
  }

  async redrive(caller: Caller, { subscription, ...body }: RedriveRequest): Promise<readonly RedriveAnswer[]> {
    return (await this.#call<Results<RedriveAnswer>>('redrive', caller, { names: { subscription }, body })).results
  }

  startRedrive(caller: Caller, { subscription, ...body }: StartRedriveRequest): Promise<Redrive> {
    return this.#call('startRedrive', caller, { names: { subscription }, body })
  }

  previewRedrive(caller: Caller, { subscription, ...body }: StartRedriveRequest): Promise<RedrivePreview> {
    return this.#call('previewRedrive', caller, { names: { subscription }, body })
  }

  async redrives(caller: Caller, subscription: string): Promise<readonly Redrive[]> {
    return (await this.#call<{ redrives: readonly Redrive[] }>('redrives', caller, { names: { subscription } }))
      .redrives
  }

  stopRedrive(caller: Caller, names: { subscription: string; redrive: string }): Promise<Redrive> {
    return this.#call('stopRedrive', caller, { names })
  }

  replace(
    caller: Caller,
    { subscription, position, data, datacontenttype, ...query }: ReplaceRequest,
  ): Promise<ReplaceAnswer> {
    const payload = { data, contentType: datacontenttype }
    return this.#call('replace', caller, { names: { subscription, position }, query, payload })
  }

  async discard(caller: Caller, { subscription, ...body }: PositionsRequest): Promise<readonly DiscardAnswer[]> {
    return (await this.#call<Results<DiscardAnswer>>('discard', caller, { names: { subscription }, body })).results
  }

  scheduled(caller: Caller, { subscription, ...query }: ScheduledRequest): Promise<ScheduledPage> {
    return this.#call('scheduled', caller, { names: { subscription }, query })
  }

  async cancel(caller: Caller, { subscription, ...body }: PositionsRequest): Promise<readonly CancelAnswer[]> {
    return (await this.#call<Results<CancelAnswer>>('cancel', caller, { names: { subscription }, body })).results
  }

  async noteRepair(caller: Caller, { topic, ...body }: RepairNote): Promise<void> {
    await this.#call('noteRepair', caller, { names: { topic }, body })
  }

  stats(caller: Caller, subscription: string): Promise<SubscriptionStats> {
    return this.#call('stats', caller, { names: { subscription } })
  }

  explain(caller: Caller, request: { subscription: string; event: EventReference }): Promise<Explanation> {
    return this.#call('explain', caller, { names: { subscription: request.subscription }, query: request.event })
  }
}
