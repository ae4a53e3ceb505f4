import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PositionedEvent } from '../broker/index.ts'
import type { DatabaseTransaction, SqlValue } from '../database/index.ts'
import {
  caller,
  change,
  copyOf,
  createBench,
  customers,
  mails,
  writeAndTell,
  type Bench,
  type ServiceProcess,
} from './bench.fixture.ts'
import { stores } from './store.fixture.ts'
import { createOutbox } from './index.ts'

describe.each(stores)('an outbox in %s:', (kind) => {
  let bench: Bench
  let service: ServiceProcess

  beforeEach(async (test) => {
    bench = await createBench(test, { kind })
    service = await bench.process()
  })
  afterEach(() => bench.stop())

  const describeEvent = ({ event }: PositionedEvent): string =>
    `${event.type.split('.').at(-1)} ${event.key} ${Number(event.sequence)} ${new TextDecoder().decode(event.data)}`

  async function publishedCustomers(): Promise<string[]> {
    await service.relay()
    return (await bench.published(customers)).map(describeEvent)
  }

  describe('changes of entities', () => {
    test('are derived as created, updated and deleted, with versions that grow for each key', async () => {
      await service.write({ customers: { a: 'Ann' } })
      await service.write({ customers: { a: 'Anna', b: 'Bob' } })
      await service.write({ customers: { a: null } })
      await service.write({ customers: { a: 'Ada' } })
      expect(await publishedCustomers()).toEqual([
        'created a 1 {"id":"a","name":"Ann"}',
        'updated a 2 {"id":"a","name":"Anna"}',
        'created b 1 {"id":"b","name":"Bob"}',
        'deleted a 3 ',
        'created a 4 {"id":"a","name":"Ada"}',
      ])
    })

    test('of a transaction that is rolled back leave no event and no version', async () => {
      await service.write({ customers: { a: 'Ann' } })
      const failure = new Error('changed my mind')
      const failed = service.database.transaction(async (transaction) => {
        await writeAndTell(transaction, service, {
          customers: { a: 'Anna', b: 'Bob' },
          mails: [{ id: '1' }],
        })
        throw failure
      })
      await expect(failed).rejects.toBe(failure)
      await service.write({ customers: { a: 'Ada' } })
      expect(await publishedCustomers()).toEqual([
        'created a 1 {"id":"a","name":"Ann"}',
        'updated a 2 {"id":"a","name":"Ada"}',
      ])
      expect(await bench.published(mails)).toEqual([])
    })

    test('that come to nothing are not published and leave no counter', async () => {
      await service.write({ customers: { never: null } })
      await service.database.transaction(async (transaction) => {
        await change(transaction, service.database, 'short', 'lived')
        await writeAndTell(transaction, service, { customers: { short: null } })
      })
      expect(await publishedCustomers()).toEqual([])
      const table = kind === 'sqlite' ? 'tidings_key_version' : 'tidings.key_version'
      expect(await service.database.query(`select * from ${table}`)).toEqual([])
    })

    test('noted before the row was changed again are published as they are committed, once', async () => {
      const { customer, outbox } = service
      await service.database.transaction(async (transaction) => {
        await change(transaction, service.database, 'a', 'read too early')
        const changes = [{ entity: customer, key: 'a' }]
        await change(transaction, service.database, 'a', 'final')
        changes.push({ entity: customer, key: 'a' })
        await outbox.flush(transaction, { events: [], changes })
      })
      expect(await publishedCustomers()).toEqual(['created a 1 {"id":"a","name":"final"}'])
    })

    test('of concurrent transactions leave copies like the table, whoever commits last', async () => {
      const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
      const update = (name: string, turns: number): Promise<void> =>
        service.database.transaction(async (transaction) => {
          for (let passed = 0; passed < turns; passed++) await turn()
          await writeAndTell(transaction, service, { customers: { a: name } })
        })
      await Promise.all([update('first', 3), update('second', 0), turn().then(() => update('third', 1))])
      await service.relay()
      const [row] = await service.database.query<{ name: string }>('select name from customers')
      expect(await copyOf(bench.broker)).toEqual({ a: row!.name })
      expect((await bench.published(customers)).map(({ event }) => Number(event.sequence))).toEqual([1, 2, 3])
    })

    test('told before they are made, by transactions of two processes at once, leave copies like the table', async () => {
      const other = await bench.process()
      const publishThenUpdate = (process: ServiceProcess, name: string): Promise<void> =>
        process.database.transaction(async (transaction) => {
          await process.outbox.flush(transaction, { events: [], changes: [{ entity: process.customer, key: 'a' }] })
          for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
          await writeAndTell(transaction, process, { customers: { a: name } })
        })
      for (let round = 0; round < 3; round++)
        await Promise.all([publishThenUpdate(service, `T1 ${round}`), publishThenUpdate(other, `T2 ${round}`)])
      await other.relay()
      const [row] = await service.database.query<{ name: string }>('select name from customers')
      expect(await copyOf(bench.broker)).toEqual({ a: row!.name })
      const sequences = (await bench.published(customers)).map(({ event }) => Number(event.sequence))
      expect(sequences).toEqual(sequences.map((_, index) => index + 1))
    })

    test('lock their keys in one order, whatever the order in which they were noted', async () => {
      const locked: string[] = []
      // Topic, key, topic, key …
      const lockedBy = (values: readonly SqlValue[]): string[] =>
        values.filter((value) => value instanceof Uint8Array).map((key) => new TextDecoder().decode(key))
      await service.database.transaction(async (transaction) => {
        const watched: DatabaseTransaction = {
          query: (text, values = []) => {
            if (/insert into tidings[._]key_version/.test(text)) locked.push(...lockedBy(values))
            return transaction.query(text, values)
          },
          runAtCommit: (...statement) => transaction.runAtCommit(...statement),
          readRow: (...row) => transaction.readRow(...row),
        }
        const told = ['e', 'b'].map((key) => ({ id: key, source: '/crm', type: `${customers}.updated`, key }))
        await service.outbox.flush(watched, {
          events: told.map((event) => ({ topic: customers, kind: 'entity', event })),
          changes: ['c', 'a', 'd', 'b'].map((key) => ({ entity: service.customer, key })),
        })
      })
      expect(locked).toEqual(['a', 'b', 'c', 'd', 'e'])
    })

    test('keep odd keys apart and whole', async () => {
      const odd = [
        'a.b',
        'a b',
        '*',
        '>',
        "it's",
        '🚀',
        'é',
        'e\u0301',
        'A',
        'a',
        'x'.repeat(512),
        '\ufeff',
        '%00',
        ' ',
      ]
      await service.write({ customers: Object.fromEntries(odd.map((key) => [key, key])) })
      await service.relay()
      expect(await copyOf(bench.broker)).toEqual(Object.fromEntries(odd.map((key) => [key, key])))
      expect(new Set((await bench.published(customers)).map(({ event }) => event.sequence)).size).toBe(1)
    })
  })

  describe('events', () => {
    const publish = (topic: string, kind: 'entity' | 'event', event: object): Promise<number> =>
      service.database.transaction((transaction) =>
        service.outbox.flush(transaction, {
          events: [{ topic, kind, event: { id: '1', source: '/crm', type: topic, ...event } }],
          changes: [],
        }),
      )

    test('are published in the order in which they were given, with and without a key', async () => {
      await service.write({ mails: [{ id: '3', key: 'b' }, { id: '1' }] })
      await service.write({ mails: [{ id: '2', key: 'a' }] })
      await service.relay()
      expect((await bench.published(mails)).map(({ event }) => `${event.id} ${event.key}`)).toEqual([
        '3 b',
        '1 undefined',
        '2 a',
      ])
    })

    test('keep their payload byte for byte', async () => {
      const payloads = ['{"a":9223372036854775807}', '{"a":1,"a":2}', ' [1.0, 1e2] '].map((text) =>
        new TextEncoder().encode(text),
      )
      payloads.push(
        Uint8Array.from({ length: 256 }, (_, byte) => byte),
        new Uint8Array(),
      )
      for (const [index, data] of payloads.entries())
        await publish(mails, 'event', { id: `${index}`, data, extensions: { traceparent: '00-1', count: 7 } })
      await service.relay()
      const published = await bench.published(mails)
      expect(published.map(({ event }) => [...event.data!])).toEqual(payloads.map((data) => [...data]))
      expect(published[0]!.event.extensions).toEqual({ traceparent: '00-1', count: 7 })
    })

    test('of an entity get the next version of their key, in front of its derived change', async () => {
      await service.database.transaction(async (transaction) => {
        await change(transaction, service.database, 'a', 'Ann')
        const event = { id: 'given', source: '/crm', type: `${customers}.created`, key: 'a' }
        const changes = [{ entity: service.customer, key: 'a' }]
        expect(
          await service.outbox.flush(transaction, { events: [{ topic: customers, kind: 'entity', event }], changes }),
        ).toBe(2)
      })
      expect(await publishedCustomers()).toEqual(['created a 1 ', 'updated a 2 {"id":"a","name":"Ann"}'])
    })

    test('before the outbox was started are refused, so that a restored database cannot take in what nobody will find', async () => {
      const { database } = service
      const outbox = createOutbox({ database, broker: bench.broker, caller, service: 'crm', onAlarm: () => {} })
      const flushed = database.transaction((transaction) => outbox.flush(transaction, { events: [], changes: [] }))
      await expect(flushed).rejects.toMatchObject({ code: 'stopped' })
    })

    test('of an entity without a key, or with one that is none, roll the transaction back', async () => {
      await expect(publish(customers, 'entity', { type: `${customers}.created` })).rejects.toMatchObject({
        code: 'key-invalid',
      })
      await expect(
        publish(customers, 'entity', { type: `${customers}.created`, key: 'x'.repeat(513) }),
      ).rejects.toMatchObject({ code: 'key-invalid' })
      expect(await service.outbox.stats()).toMatchObject({ pending: 0 })
    })
  })
})
