import type { FastifyRequest } from 'fastify'
import { TidingsError } from 'tidings'
import { decodeBase64 } from 'tidings/event'
import type {
  Broker,
  Caller,
  Delivery,
  EventReference,
  Outcome,
  PullAnswer,
  PullRequest,
  ScheduleDescription,
  TaskResult,
} from 'tidings/broker'
import { encodeTemplate, type Operation, type routes, type ValueOf } from 'tidings/protocol'
import { serviceDocument } from './asyncapi/service.ts'
import type { ServerAddress } from './asyncapi/document.ts'
import { publish } from './publish.ts'
import type { Push } from './push/push.ts'

type Routes = typeof routes
type QueryOf<O extends Operation> = Routes[O] extends { query: infer S } ? ValueOf<S> : undefined
type BodyOf<O extends Operation> = Routes[O] extends { body: infer S } ? ValueOf<S> : Uint8Array

export interface Context<O extends Operation = Operation> {
  readonly broker: Broker
  /** Absent where the server has no store of its own to keep what it knows of them. */
  readonly push: Push | undefined
  readonly caller: Caller
  /** The names in the path. */
  readonly names: {
    readonly topic: string
    readonly subscription: string
    readonly service: string
    readonly schedule: string
    readonly producer: string
    readonly position: string
    readonly redrive: string
  }
  readonly query: QueryOf<O>
  readonly body: BodyOf<O>
  readonly request: FastifyRequest
  readonly nextId: () => string
  /** Whether the client has gone away or the server is stopping, so that nobody waits for the answer. */
  readonly abandoned: () => boolean
  readonly maxAnswerBytes: number
}

/** As whoever asks reaches this server; only a proxy in front of it knows whether that is by TLS. */
function addressOf({ headers, host }: FastifyRequest, namespace: string): ServerAddress {
  return { host, secure: headers['x-forwarded-proto'] === 'https', namespace }
}

/** A wait is cut into pieces of this length, so that a client that went away is noticed. */
const waitPieceMs = 1_000

type WireResult = NonNullable<ValueOf<Routes['settle']['body']>['outcomes'][number]['result']>

/** All but those that go on without an end: `live.ts` serves them. */
export type AnsweredOperation = Exclude<Operation, 'follow'>

/** What each route of the API does: a call of the broker, in the broker's own words. */
export const operations: { readonly [O in AnsweredOperation]: (context: Context<O>) => Promise<object | undefined> } = {
  async registerService({ broker, caller, names, body }) {
    await broker.registerService(caller, { service: names.service, ...body })
    return undefined
  },
  contracts: async ({ broker, caller }) => ({ contracts: await broker.contracts(caller) }),
  registerContract: ({ broker, caller, names, body }) =>
    broker.registerContract(caller, { service: names.service, ...body }),
  contract: ({ broker, caller, names }) => broker.contract(caller, names.service),
  asyncapi: ({ broker, caller, names: { service }, request }) =>
    serviceDocument({ broker, caller, service, address: addressOf(request, caller.namespace) }),
  planContract: ({ broker, caller, names, body }) => broker.planContract(caller, { service: names.service, ...body }),
  async reportNeeds({ broker, caller, names, body }) {
    await broker.reportNeeds(caller, { service: names.service, ...body })
    return undefined
  },
  topics: async ({ broker, caller }) => ({ topics: await broker.topics(caller) }),
  putTopic: ({ broker, caller, names, body }) => broker.putTopic(caller, { topic: names.topic, ...body }),
  topic: ({ broker, caller, names }) => broker.topic(caller, names.topic),
  async removeTopic({ broker, push, caller, names }) {
    await broker.removeTopic(caller, names.topic)
    await push?.sweep(caller.namespace)
    return undefined
  },
  publish: (context) => publish({ ...context, topic: context.names.topic }),
  read: ({ broker, caller, names, query }) => broker.read(caller, { topic: names.topic, ...pageOf(query) }),
  latest: ({ broker, caller, names, query }) => broker.latest(caller, { topic: names.topic, ...pageOf(query) }),
  history: ({ broker, caller, names, body }) => broker.history(caller, { topic: names.topic, ...pageOf(body) }),
  async noteRepair({ broker, caller, names, body }) {
    await broker.noteRepair(caller, { topic: names.topic, ...body })
    return undefined
  },
  erase: ({ broker, caller, names, body }) => broker.erase(caller, { topic: names.topic, ...body }),
  producer: async ({ broker, caller, names: { topic, producer } }) => ({
    producer: (await broker.producer(caller, { topic, producer })) ?? null,
  }),
  schedules: async ({ broker, caller }) => ({ schedules: (await broker.schedules(caller)).map(scheduleAnswer) }),
  async putSchedule({ broker, caller, names, body: { event, ...body } }) {
    const { data_base64: data, ...attributes } = event
    const template = data ? { ...attributes, data } : attributes
    return scheduleAnswer(await broker.putSchedule(caller, { schedule: names.schedule, ...body, event: template }))
  },
  async removeSchedule({ broker, caller, names }) {
    await broker.removeSchedule(caller, names.schedule)
    return undefined
  },
  subscriptions: async ({ broker, caller }) => ({ subscriptions: await broker.subscriptions(caller) }),
  putSubscription: ({ broker, caller, names, body }) => {
    return broker.putSubscription(caller, { subscription: names.subscription, ...body })
  },
  subscription: ({ broker, caller, names }) => broker.subscription(caller, names.subscription),
  async removeSubscription({ broker, push, caller, names }) {
    await broker.removeSubscription(caller, names.subscription)
    await push?.sweep(caller.namespace)
    return undefined
  },
  putPush: ({ push, caller, names: { subscription }, body }) => known(push).put(caller, { subscription, ...body }),
  push: ({ push, caller, names }) => known(push).describe(caller, names.subscription),
  async removePush({ push, caller, names }) {
    await known(push).remove(caller, names.subscription)
    return undefined
  },
  resumePush: ({ push, caller, names }) => known(push).resume(caller, names.subscription),
  pull,
  settle: async ({ broker, caller, names, body: { outcomes, ...rest } }) => ({
    results: await broker.settle(caller, {
      subscription: names.subscription,
      outcomes: outcomes.map(outcomeOf),
      ...rest,
    }),
  }),
  renew: async ({ broker, caller, names, body }) => ({
    results: await broker.renew(caller, { subscription: names.subscription, ...body }),
  }),
  wake: async ({ broker, caller, names, body }) => ({
    woken: await broker.wake(caller, { subscription: names.subscription, ...body }),
  }),
  seek: ({ broker, caller, names, body }) => broker.seek(caller, { subscription: names.subscription, ...body }),
  pause: ({ broker, caller, names }) => broker.pause(caller, names.subscription),
  resume: ({ broker, caller, names }) => broker.resume(caller, names.subscription),
  previewSeek: ({ broker, caller, names, body }) =>
    broker.previewSeek(caller, { subscription: names.subscription, ...body }),
  deadLetters: ({ broker, caller, names, query }) =>
    broker.deadLetters(caller, { subscription: names.subscription, ...pageOf(query) }),
  redrive: async ({ broker, caller, names, body }) => ({
    results: await broker.redrive(caller, { subscription: names.subscription, ...body }),
  }),
  redrives: async ({ broker, caller, names }) => ({ redrives: await broker.redrives(caller, names.subscription) }),
  startRedrive: ({ broker, caller, names, body }) =>
    broker.startRedrive(caller, { subscription: names.subscription, ...body }),
  previewRedrive: ({ broker, caller, names, body }) =>
    broker.previewRedrive(caller, { subscription: names.subscription, ...body }),
  stopRedrive: ({ broker, caller, names: { subscription, redrive } }) =>
    broker.stopRedrive(caller, { subscription, redrive }),
  replace: ({ broker, caller, names: { subscription, position }, query, body, request }) => {
    const datacontenttype = request.headers['content-type']
    return broker.replace(caller, {
      subscription,
      position,
      data: body,
      ...query,
      ...(datacontenttype !== undefined && { datacontenttype }),
    })
  },
  discard: async ({ broker, caller, names, body }) => ({
    results: await broker.discard(caller, { subscription: names.subscription, ...body }),
  }),
  scheduled: ({ broker, caller, names, query }) =>
    broker.scheduled(caller, { subscription: names.subscription, ...pageOf(query) }),
  cancel: async ({ broker, caller, names, body }) => ({
    results: await broker.cancel(caller, { subscription: names.subscription, ...body }),
  }),
  stats: ({ broker, caller, names }) => broker.stats(caller, names.subscription),
  explain: ({ broker, caller, names, query }) =>
    broker.explain(caller, { subscription: names.subscription, event: referenceOf(query) }),
}

function known(push: Push | undefined): Push {
  if (push) return push
  throw new TidingsError(
    'bad-request',
    'This server keeps nothing of its own, so it cannot push; give createServer() the engine of its broker.',
  )
}

async function pull({ broker, caller, names, body, abandoned, maxAnswerBytes }: Context<'pull'>): Promise<PullAnswer> {
  const { max, waitMs = 0, leaseMs } = body
  const request = { subscription: names.subscription, waitMs, ...(max && { max }), ...(leaseMs && { leaseMs }) }
  const answer = await pullInPieces(broker, caller, request, abandoned)
  const sent = abandoned() ? 0 : fitting(answer.deliveries, maxAnswerBytes)
  const unsent = answer.deliveries.slice(sent)
  if (unsent.length > 0) {
    // Last first, because what stands before it in its run is still leased.
    const outcomes = unsent.toReversed().map(({ lease }): Outcome => ({ lease, action: 'release' }))
    await broker.settle(caller, { subscription: names.subscription, outcomes })
  }
  return { ...answer, deliveries: answer.deliveries.slice(0, sent) }
}

async function pullInPieces(
  broker: Broker,
  caller: Caller,
  request: PullRequest,
  abandoned: () => boolean,
): Promise<PullAnswer> {
  for (let leftMs = request.waitMs ?? 0; ; leftMs -= waitPieceMs) {
    const answer = await broker.pull(caller, { ...request, waitMs: Math.min(Math.max(0, leftMs), waitPieceMs) })
    if (answer.deliveries.length > 0 || leftMs <= waitPieceMs || abandoned()) return answer
  }
}

function scheduleAnswer({ event, ...schedule }: ScheduleDescription): object {
  return { ...schedule, event: encodeTemplate(event) }
}

/** What the broker is asked for; how payloads are written is no business of its. */
function pageOf<Query extends { data?: unknown }>(query: Query): Omit<Query, 'data'> {
  const page = { ...query }
  delete page.data
  return page
}

/** How many deliveries fit into an answer; at least one, or nothing would ever arrive. */
function fitting(deliveries: readonly Delivery[], maxBytes: number): number {
  let bytes = 0
  const tooMany = deliveries.findIndex(({ event }, index) => (bytes += event.data?.length ?? 0) > maxBytes && index > 0)
  return tooMany === -1 ? deliveries.length : tooMany
}

/** An outcome as the broker knows it; those that give up a delivery must say why. */
export function outcomeOf(outcome: ValueOf<Routes['settle']['body']>['outcomes'][number], index: number): Outcome {
  const { lease, action, reason, afterMs, result, outage } = outcome
  if (result !== undefined && action !== 'ack') {
    throw new TidingsError(
      'bad-request',
      `outcomes[${index}]: "${action}" takes no "result"; that of a task goes with "ack".`,
    )
  }
  if (outage !== undefined && action !== 'retry')
    throw new TidingsError('bad-request', `outcomes[${index}]: "outage" belongs to "retry"; leave it out.`)
  if (action === 'ack' || action === 'release') {
    if (reason === undefined && afterMs === undefined) {
      return action === 'ack' && result ? { lease, action, result: resultOf(result) } : { lease, action }
    }
    throw new TidingsError('bad-request', `outcomes[${index}]: "${action}" takes neither "reason" nor "afterMs".`)
  }
  if (reason === undefined)
    throw new TidingsError(
      'bad-request',
      `outcomes[${index}]: "${action}" needs a "reason", for those who look into it later.`,
    )
  if (action === 'dead-letter' || action === 'refuse') {
    if (afterMs === undefined) return { lease, action, reason }
    throw new TidingsError('bad-request', `outcomes[${index}]: "${action}" takes no "afterMs"; it is not tried again.`)
  }
  const later = { lease, reason, ...(afterMs !== undefined && { afterMs }) }
  return action === 'retry' ? { ...later, action, ...(outage !== undefined && { outage }) } : { ...later, action }
}

function resultOf({ datacontenttype, data_base64: base64 }: WireResult): TaskResult {
  const data = base64 === undefined ? undefined : decodeBase64(base64)
  return { ...(datacontenttype !== undefined && { datacontenttype }), ...(data && { data }) }
}

function referenceOf({ position, source, id }: QueryOf<'explain'>): EventReference {
  if (position !== undefined && source === undefined && id === undefined) return { position }
  if (position === undefined && source !== undefined && id !== undefined) return { source, id }
  throw new TidingsError('bad-request', 'Name the event by ?position= or by ?source= and &id=.')
}
