import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TidingsError } from '../errors.ts'
import { formatSequence } from '../event/index.ts'
import { copyOf, createBench, customers, type Bench, type ServiceProcess } from './bench.fixture.ts'
import type { OwnerStanding, PublishedAgain } from './keys.ts'
import { stores } from './store.fixture.ts'

const versionOf = (counter: number) => ({ sourceepoch: 0, sequence: formatSequence(counter) })

describe.each(stores)('single keys of an outbox in %s:', (kind) => {
  let bench: Bench
  let service: ServiceProcess

  beforeEach(async (test) => {
    bench = await createBench(test, { kind })
    service = await bench.process()
  })
  afterEach(() => bench.stop())

  const standing = async (key: string): Promise<OwnerStanding> =>
    (await service.outbox.keys.standing(service.customer, [key]))[0]!
  const publishAgain = async (key: string, above?: number): Promise<PublishedAgain> => {
    const request = { key, ...(above !== undefined && { above: versionOf(above) }) }
    return (await service.outbox.keys.publishAgain(service.customer, [request]))[0]!
  }
  const run = async (script: string): Promise<void> => {
    const connection = await bench.store.connect()
    await connection.run(script)
    await connection.close()
  }
  const newest = async () => (await bench.published(customers)).at(-1)?.event

  describe('standing()', () => {
    test('says what was never there', async () => {
      expect(await standing('a')).toEqual({ key: 'a', isPresent: false, unsent: [], held: [], isListing: false })
    })

    test('says what waits for the relay, and no more once the broker has it', async () => {
      await service.write({ customers: { a: 'Ann', b: 'Bob' } })
      const version = { ...versionOf(1), isPresent: true }
      const state = '{"id":"a","name":"Ann"}'
      const writtenAt = Math.floor(bench.environment.clock.now())
      const expected = { key: 'a', isPresent: true, state, version, held: [], isListing: false }
      expect(await standing('a')).toEqual({ ...expected, unsent: [{ version: versionOf(1), writtenAt }] })
      await service.relay()
      expect(await standing('a')).toEqual({ ...expected, unsent: [] })
      await service.write({ customers: { a: 'Anna' } })
      expect((await standing('a')).unsent.map(({ version }) => version)).toEqual([versionOf(2)])
      expect((await standing('b')).unsent).toEqual([])
    })

    test('does not count what was sent already of what is being sent', async () => {
      const slow = await bench.process({ batchRows: 1 })
      let calls = 0
      bench.faults.publish = async (...call) => {
        if (++calls > 1) throw new TidingsError('unavailable', 'out of reach')
        return bench.broker.publish(...call)
      }
      await slow.write({ customers: { a: 'Ann', b: 'Bob' } })
      await slow.relay()
      const standings = await slow.outbox.keys.standing(slow.customer, ['a', 'b'])
      expect(standings.map(({ unsent }) => unsent.length)).toEqual([0, 1])
    })

    test('says what the broker refused', async () => {
      bench.faults.publish = async (_, { events }) =>
        events.map(() => ({ status: 'refused', code: 'schema-violation', message: 'no' }) as const)
      await service.write({ customers: { a: 'Ann' } })
      await service.relay()
      const { held, unsent } = await standing('a')
      expect(held).toMatchObject([{ code: 'schema-violation', reason: 'no' }])
      expect(unsent).toEqual([])
      expect((await standing('b')).held).toEqual([])
      await service.outbox.release({ topic: customers, key: 'a' })
      expect(await standing('a')).toMatchObject({ held: [], unsent: [{ version: versionOf(1) }] })
    })

    test('says the row as it is, whatever was told of it', async () => {
      await service.write({ customers: { a: 'Ann' } })
      await service.relay()
      await run(`update customers set name = 'Eve'`)
      expect(await standing('a')).toMatchObject({ state: '{"id":"a","name":"Eve"}', version: versionOf(1) })
      await run('delete from customers')
      expect(await standing('a')).toMatchObject({ isPresent: false, version: { isPresent: true } })
    })
  })

  describe('publishAgain()', () => {
    test('publishes what is there in a newer version', async () => {
      await service.write({ customers: { a: 'Ann' } })
      await run(`update customers set name = 'Eve'`)
      expect(await publishAgain('a')).toEqual({
        key: 'a',
        status: 'published',
        version: versionOf(2),
        isPresent: true,
        released: 0,
      })
      await service.relay()
      expect(await copyOf(bench.broker)).toEqual({ a: 'Eve' })
    })

    test('publishes what is not there as deleted, also where nobody ever told of it', async () => {
      expect(await publishAgain('a')).toMatchObject({ version: versionOf(1), isPresent: false })
      await service.relay()
      expect(await newest()).toMatchObject({ key: 'a', type: `${customers}.deleted` })
    })

    test('goes on above a version that its counter does not know', async () => {
      await service.write({ customers: { a: 'Ann' } })
      expect(await publishAgain('a', 70)).toMatchObject({ version: versionOf(71) })
      await service.write({ customers: { a: 'Anna' } })
      await service.relay()
      expect(await newest()).toMatchObject({ sequence: formatSequence(72) })
    })

    test('refuses to go above a version that nothing here can be newer than', async () => {
      const [answer] = await service.outbox.keys.publishAgain(service.customer, [
        { key: 'a', above: { sourceepoch: 1, sequence: '1' } },
      ])
      expect(answer).toMatchObject({ status: 'refused', code: 'bad-request' })
      expect(await standing('a')).not.toHaveProperty('version')
    })

    test('gives back what was held of the key, and before what is new', async () => {
      bench.faults.publish = async (_, { events }) =>
        events.map(() => ({ status: 'refused', code: 'schema-violation', message: 'no' }) as const)
      await service.write({ customers: { a: 'Ann' } })
      await service.relay()
      delete bench.faults.publish
      expect(await publishAgain('a')).toMatchObject({ status: 'published', released: 1 })
      await service.relay()
      const published = await bench.published(customers)
      expect(published.map(({ event }) => Number(event.sequence))).toEqual([1, 2])
    })

    test('does not let one that cannot be published disturb others', async () => {
      await service.write({ customers: { a: 'Ann', b: 'Bob' } })
      const picky = {
        ...service.customer,
        eventFor(change: Parameters<typeof service.customer.eventFor>[0]) {
          if (change.key === 'a') throw new Error('a has no name')
          return service.customer.eventFor(change)
        },
      }
      const answers = await service.outbox.keys.publishAgain(picky, [{ key: 'a' }, { key: 'b' }])
      expect(answers).toMatchObject([{ status: 'refused', message: 'a has no name' }, { status: 'published' }])
      const [first] = await service.outbox.keys.standing(picky, ['a'])
      expect(first).toMatchObject({ isPresent: true, refusal: 'a has no name', version: versionOf(1) })
    })
  })
})
