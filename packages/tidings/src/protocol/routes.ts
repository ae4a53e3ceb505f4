import * as requests from './requests.ts'
import type { Shape } from './shape.ts'

/**
 * The HTTP API as data: one route for each operation of the broker, by the broker's own names, and those of the server's push. The server serves this
 * table, the client calls it and the description of the API is made of it.
 */
export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Below `/v1/{namespace}`. */
  readonly path: string
  readonly summary: string
  readonly query?: Shape<unknown>
  readonly body?: Shape<unknown>
}

export const routes = {
  registerService: {
    method: 'PUT',
    path: '/services/{service}',
    summary: 'Says which database stands behind a service name.',
    body: requests.serviceBody,
  },
  contracts: { method: 'GET', path: '/contracts', summary: 'Lists the services with what they own and who uses it.' },
  registerContract: {
    method: 'PUT',
    path: '/contracts/{service}',
    summary: 'Registers the contract of a service.',
    body: requests.contractBody,
  },
  contract: { method: 'GET', path: '/contracts/{service}', summary: 'Describes a contract with every revision.' },
  asyncapi: {
    method: 'GET',
    path: '/asyncapi/{service}',
    summary: 'What a service publishes, accepts and reads, as an AsyncAPI 3.0 document.',
  },
  planContract: {
    method: 'POST',
    path: '/contracts/{service}/plan',
    summary: 'Says what registering a contract would do, and does nothing.',
    body: requests.contractBody,
  },
  reportNeeds: {
    method: 'PUT',
    path: '/services/{service}/needs',
    summary: 'Says what consumers of a service read.',
    body: requests.needsBody,
  },
  topics: { method: 'GET', path: '/topics', summary: 'Lists the topics.' },
  putTopic: {
    method: 'PUT',
    path: '/topics/{topic}',
    summary: 'Creates a topic or updates its schemas.',
    body: requests.topicBody,
  },
  topic: { method: 'GET', path: '/topics/{topic}', summary: 'Describes a topic.' },
  removeTopic: {
    method: 'DELETE',
    path: '/topics/{topic}',
    summary: 'Removes a topic with its events, subscriptions and schedules.',
  },
  publish: {
    method: 'POST',
    path: '/topics/{topic}/events',
    summary: 'Publishes one event or a batch.',
    query: requests.publishQuery,
  },
  read: {
    method: 'GET',
    path: '/topics/{topic}/events',
    summary: 'Reads events after a position.',
    query: requests.readQuery,
  },
  latest: {
    method: 'GET',
    path: '/topics/{topic}/latest',
    summary: 'Lists the newest event of every key of an entity topic.',
    query: requests.latestQuery,
  },
  history: {
    method: 'POST',
    path: '/topics/{topic}/history',
    summary: 'Finds the newest events of some keys.',
    body: requests.historyBody,
  },
  noteRepair: {
    method: 'POST',
    path: '/topics/{topic}/repairs',
    summary: 'Writes into the audit what is repaired outside of the broker.',
    body: requests.repairBody,
  },
  erase: {
    method: 'POST',
    path: '/topics/{topic}/erase',
    summary: 'Removes all payloads of a key for good.',
    body: requests.eraseBody,
  },
  follow: {
    method: 'GET',
    path: '/topics/{topic}/live',
    summary: 'Sends events as they come (text/event-stream).',
    query: requests.followQuery,
  },
  producer: {
    method: 'GET',
    path: '/topics/{topic}/producers/{producer}',
    summary: 'The highest epoch and counter seen of a producer.',
  },
  schedules: { method: 'GET', path: '/schedules', summary: 'Lists the recurring schedules.' },
  putSchedule: {
    method: 'PUT',
    path: '/schedules/{schedule}',
    summary: 'Creates a recurring schedule or changes it.',
    body: requests.scheduleBody,
  },
  removeSchedule: { method: 'DELETE', path: '/schedules/{schedule}', summary: 'Removes a recurring schedule.' },
  subscriptions: { method: 'GET', path: '/subscriptions', summary: 'Lists the subscriptions.' },
  putSubscription: {
    method: 'PUT',
    path: '/subscriptions/{subscription}',
    summary: 'Creates a subscription or changes its filter and policy.',
    body: requests.subscriptionBody,
  },
  subscription: { method: 'GET', path: '/subscriptions/{subscription}', summary: 'Describes a subscription.' },
  removeSubscription: { method: 'DELETE', path: '/subscriptions/{subscription}', summary: 'Removes a subscription.' },
  putPush: {
    method: 'PUT',
    path: '/subscriptions/{subscription}/push',
    summary: 'Sets the URL that a subscription is pushed to.',
    body: requests.pushBody,
  },
  push: {
    method: 'GET',
    path: '/subscriptions/{subscription}/push',
    summary: 'Says where a subscription is pushed to and how that goes.',
  },
  removePush: { method: 'DELETE', path: '/subscriptions/{subscription}/push', summary: 'Ends the push.' },
  resumePush: {
    method: 'POST',
    path: '/subscriptions/{subscription}/push/resume',
    summary: 'Goes on with a push that is disabled.',
  },
  pull: {
    method: 'POST',
    path: '/subscriptions/{subscription}/pull',
    summary: 'Leases deliveries.',
    body: requests.pullBody,
  },
  settle: {
    method: 'POST',
    path: '/subscriptions/{subscription}/settle',
    summary: 'Ends deliveries.',
    body: requests.settleBody,
  },
  renew: {
    method: 'POST',
    path: '/subscriptions/{subscription}/renew',
    summary: 'Makes leases last longer.',
    body: requests.renewBody,
  },
  wake: {
    method: 'POST',
    path: '/subscriptions/{subscription}/wake',
    summary: 'Hands out at once what was settled with "wait".',
    body: requests.positionsBody,
  },
  seek: {
    method: 'POST',
    path: '/subscriptions/{subscription}/seek',
    summary: 'Starts a new generation from another place.',
    body: requests.seekBody,
  },
  pause: {
    method: 'POST',
    path: '/subscriptions/{subscription}/pause',
    summary: 'Hands nothing out until it is resumed.',
    body: requests.emptyBody,
  },
  resume: {
    method: 'POST',
    path: '/subscriptions/{subscription}/resume',
    summary: 'Ends a pause.',
    body: requests.emptyBody,
  },
  previewSeek: {
    method: 'POST',
    path: '/subscriptions/{subscription}/seek/preview',
    summary: 'Says what a seek would do, and does nothing.',
    body: requests.seekBody,
  },
  deadLetters: {
    method: 'GET',
    path: '/subscriptions/{subscription}/dead-letters',
    summary: 'Lists the dead letters.',
    query: requests.deadLettersQuery,
  },
  redrive: {
    method: 'POST',
    path: '/subscriptions/{subscription}/dead-letters/redrive',
    summary: 'Hands dead letters back to their subscription.',
    body: requests.redriveBody,
  },
  redrives: {
    method: 'GET',
    path: '/subscriptions/{subscription}/redrives',
    summary: 'Lists the redrives that are running, and the last that have ended.',
  },
  startRedrive: {
    method: 'POST',
    path: '/subscriptions/{subscription}/redrives',
    summary: 'Begins to hand dead letters back, batch by batch.',
    body: requests.startRedriveBody,
  },
  previewRedrive: {
    method: 'POST',
    path: '/subscriptions/{subscription}/redrives/preview',
    summary: 'Says what a redrive would find, and does nothing.',
    body: requests.startRedriveBody,
  },
  stopRedrive: {
    method: 'POST',
    path: '/subscriptions/{subscription}/redrives/{redrive}/stop',
    summary: 'Stops a redrive; what was handed back stays.',
  },
  replace: {
    method: 'PUT',
    path: '/subscriptions/{subscription}/dead-letters/{position}',
    summary: 'Hands a dead letter back with another payload.',
    query: requests.replaceQuery,
  },
  discard: {
    method: 'POST',
    path: '/subscriptions/{subscription}/dead-letters/discard',
    summary: 'Gives dead letters up for good.',
    body: requests.positionsBody,
  },
  scheduled: {
    method: 'GET',
    path: '/subscriptions/{subscription}/scheduled',
    summary: 'Lists the events that wait for their time.',
    query: requests.scheduledQuery,
  },
  cancel: {
    method: 'POST',
    path: '/subscriptions/{subscription}/scheduled/cancel',
    summary: 'Takes back events that are not due yet.',
    body: requests.positionsBody,
  },
  stats: { method: 'GET', path: '/subscriptions/{subscription}/stats', summary: 'Counts of a subscription.' },
  explain: {
    method: 'GET',
    path: '/subscriptions/{subscription}/explain',
    summary: 'Says where one event stands at a subscription.',
    query: requests.explainQuery,
  },
} as const satisfies Readonly<Record<string, Route>>

export type Operation = keyof typeof routes

/** The path of a request, with names in place. */
export function pathOf(operation: Operation, namespace: string, names: Readonly<Record<string, string>> = {}): string {
  const path = routes[operation].path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(names[name] ?? ''),
  )
  return `/v1/${encodeURIComponent(namespace)}${path}`
}
