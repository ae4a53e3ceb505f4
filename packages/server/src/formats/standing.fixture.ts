import { connectPush } from 'tidings'
import type { Caller } from 'tidings/broker'
import type { Event } from 'tidings/event'
import { expect } from 'vitest'
import type { RunningServer } from '../start.ts'
import { caller, encode, mended, moved, playsAt, pull, subscription, topic, type SceneNotes } from './scene.fixture.ts'

/** That everything which the scene was promised is there, in order. Changes nothing. */
export async function expectAll({ broker, url }: RunningServer): Promise<void> {
  const idsOf = (events: readonly { readonly event: Event }[]): string[] => events.map(({ event }) => event.id)
  const read = async (of: string): Promise<string[]> => idsOf((await broker.read(caller, { topic: of })).events)
  expect(await read(topic)).toEqual(['acknowledged', 'dead', 'parked', 'retrying', 'waiting', 'leased', 'scheduled'])
  expect(await broker.topic(caller, topic)).toMatchObject({
    ...{ kind: 'event', owner: 'shop', schemas: { [topic]: {}, 'shop.special': {} } },
    retention: { maxEvents: 1_000 },
  })
  const { events: newest } = await broker.latest(caller, { topic: 'crm.customer' })
  const states = newest.map(({ event }) => [event.key, event.type, event.data && new TextDecoder().decode(event.data)])
  expect(states.sort()).toEqual([
    ['c1', 'crm.customer.updated', '{"name":"Ada L."}'],
    ['c2', 'crm.customer.deleted', undefined],
    ['c3', 'crm.customer.deleted', undefined],
  ])
  const { events: replies } = await broker.read(caller, { topic: 'operator.replies' })
  expect(replies.map(({ event }) => event.extensions)).toMatchObject([{ correlationid: expect.any(String) }])
  expect(await broker.stats(caller, 'mail.send')).toMatchObject({ acknowledged: 1, pending: 0 })

  const standing = { acknowledged: 1, dead: 1, parked: 1, retrying: 1, waiting: 1, scheduled: 1 }
  expect(await broker.stats(caller, subscription)).toMatchObject(standing)
  const { deadLetters } = await broker.deadLetters(caller, { subscription })
  expect(deadLetters).toMatchObject([{ reason: 'It is so.', attempts: 1, parked: 1, event: { id: 'dead' } }])
  const { scheduled } = await broker.scheduled(caller, { subscription })
  expect(scheduled).toMatchObject([{ at: playsAt + 365 * 24 * 3_600_000, event: { id: 'scheduled' } }])

  expect(await broker.stats(caller, mended)).toMatchObject({ dead: 1 })
  expect(await broker.redrives(caller, mended)).toMatchObject([{ status: 'done', by: 'operator', redriven: 0 }])
  expect(await broker.subscription(caller, moved)).toMatchObject({
    filter: { types: ['shop.special'] },
    paused: { by: 'operator' },
  })
  const daily = { schedule: 'shop.daily', expression: '0 8 * * *', timeZone: 'UTC', catchUp: 'newest' }
  expect(await broker.schedules(caller)).toMatchObject([daily])
  const { events: audit } = await broker.read(caller, { topic: 'tidings.audit' })
  const actions = audit.map(({ event }) => event.type.replace('tidings.audit.', ''))
  // Erasures are in it since format 2.
  expect(actions.filter((action) => action !== 'erase')).toEqual(['replace', 'startRedrive', 'seek', 'pause'])
  const push = { url: 'https://partner.invalid/hook', secrets: 1, setBy: 'operator' }
  expect(await connectPush(url).describe(caller, 'partner.orders')).toMatchObject(push)
  const other: Caller = { ...caller, principal: 'shop' }
  await expect(broker.registerService(other, { service: 'shop', database: 'd2' })).rejects.toMatchObject({
    code: 'service-conflict',
  })
}

/** That it goes on: what was handed out before is settled, what was aside comes back in order, what is new is stored. */
export async function expectToGoOn({ broker }: RunningServer, notes: SceneNotes | undefined): Promise<void> {
  const settle = (of: string, lease: string) =>
    broker.settle(caller, { subscription: of, outcomes: [{ lease, action: 'ack' }] })
  if (notes) expect(await settle(subscription, notes.lease)).toMatchObject([{ status: 'settled' }])
  const [letter] = (await broker.deadLetters(caller, { subscription })).deadLetters
  if (notes) expect(letter?.position).toBe(notes.dead)
  await broker.redrive(caller, { subscription, positions: 'all' })
  // Without its lease what was leased comes as well, of another key: only the order within a key is promised.
  const came: string[] = []
  while (!came.includes('parked')) {
    const [delivery] = await pull(broker, subscription, 1)
    came.push(delivery!.event.id)
    await settle(subscription, delivery!.lease)
  }
  expect(came.filter((id) => id !== 'leased')).toEqual(['dead', 'parked'])

  const [edited] = await pull(broker, mended, 1)
  expect([edited!.event.id, new TextDecoder().decode(edited!.event.data)]).toEqual(['acknowledged', '"mended"'])
  await broker.resume(caller, moved)
  const stamped = (id: string, counter: number) => ({
    event: { id, source: '/shop', type: 'shop.special', key: 'z', data: encode({ id }) },
    producer: { id: 'shop/0', epoch: 1, counter },
  })
  const answers = await broker.publish(caller, { topic, events: [stamped('again', 6), stamped('new', 7)] })
  expect(answers).toMatchObject([{ status: 'duplicate' }, { status: 'stored' }])
  expect((await pull(broker, moved, 1)).map(({ event, generation }) => [event.id, generation])).toEqual([['new', 2]])
}
