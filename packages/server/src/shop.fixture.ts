import type { Caller } from 'tidings/broker'
import { expect } from 'vitest'
import type { ServerOptions } from './server.ts'
import { openBench, type Bench, type CallOptions } from './bench.fixture.ts'

export const caller: Caller = { namespace: 'default', principal: 'tester' }
export const events = '/topics/shop.order/events'
export const pull = '/subscriptions/mail.all/pull'
export const settle = '/subscriptions/mail.all/settle'
export const json = { 'content-type': 'application/json' }

/** A request that must be refused, with what must stand in the message: what is wrong, and what to do where that is not plain. */
export type BadRequest = readonly [
  title: string,
  method: string,
  path: string,
  options: CallOptions,
  status: number,
  code: string,
  detail: RegExp,
]

/** Sends it to a server with one event in it: the answer must be clear, the event untouched, and later work done as ever. */
export async function expectRefusal([, method, path, options, status, code, detail]: BadRequest): Promise<void> {
  await using bench = await openShop()
  const answer = await bench.call(method, path, options)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(answer.body).toMatchObject({ status, code, title: code, type: `urn:tidings:error:${code}` })
  expect(answer.status).toBe(status)
  expect(answer.body['detail']).toMatch(detail)
  await expectUntouched(bench)
  await expectToGoOn(bench)
}

export function ack(lease: string): object {
  return { lease, action: 'ack' }
}

export async function openShop(options: Partial<ServerOptions> = {}): Promise<Bench> {
  const bench = await openBench(options)
  await prepare(bench)
  return bench
}

/** One event lies there; whatever else is tried must leave it alone. */
async function prepare({ broker, call }: Bench): Promise<void> {
  await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  await broker.putTopic(caller, { topic: 'crm.customer', kind: 'entity', owner: 'crm' })
  const schemas = { 'shop.checked': { type: 'object', properties: { total: { type: 'number' } } } }
  await broker.putTopic(caller, { topic: 'shop.checked', kind: 'event', owner: 'shop', schemas })
  await broker.putSubscription(caller, { subscription: 'mail.all', topic: 'shop.order', from: 'beginning' })
  await call('POST', `${events}?id=known`, { json: { a: 1 } })
}

export async function expectUntouched({ broker }: Bench): Promise<void> {
  const { events: stored } = await broker.read(caller, { topic: 'shop.order' })
  expect(stored.map(({ event }) => event.id)).toEqual(['known'])
  expect(await broker.stats(caller, 'mail.all')).toMatchObject({ pending: 1, leased: 0 })
}

/** A later event is stored, and both are delivered, each for the first time. */
export async function expectToGoOn({ broker, call }: Bench): Promise<void> {
  expect((await call('POST', `${events}?id=later`, { json: { a: 2 } })).status).toBe(200)
  const { deliveries } = await broker.pull(caller, { subscription: 'mail.all', max: 10, waitMs: 1_000 })
  expect(deliveries.map(({ event, attempt }) => [event.id, attempt])).toEqual([
    ['known', 1],
    ['later', 1],
  ])
  const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
  await broker.settle(caller, { subscription: 'mail.all', outcomes })
  expect(await broker.stats(caller, 'mail.all')).toMatchObject({ acknowledged: 2, pending: 0 })
}
