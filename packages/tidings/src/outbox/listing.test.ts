import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { caller, copyOf, createBench, ids, mails, type Bench, type ServiceProcess } from './bench.fixture.ts'
import { stores } from './store.fixture.ts'
import { away, loseLife, openService, restoredAlarms, settle, table } from './restore.fixture.ts'

describe.each(stores)('an outbox in %s:', (kind) => {
  let bench: Bench
  let service: ServiceProcess

  beforeEach(async (test) => {
    bench = await createBench(test, { kind })
    service = await bench.process()
  })
  afterEach(() => bench.stop())

  describe('the listing after a restore', () => {
    test('is called for again until it succeeds, after a restart too, and goes on where it was', async () => {
      await service.write({
        customers: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`c${index}`, 'x'])),
      })
      await service.relay()
      const restore = await bench.store.backup()
      await service.write({ customers: { c0: null } })
      await service.relay()
      await service.kill()
      await restore()
      let calls = 0
      const faulty = await bench.process({
        onRestored: async () => {
          calls += 1
          throw away
        },
      })
      await settle(bench, faulty)
      expect(calls).toBeGreaterThan(1)
      expect(bench.alarms.filter(({ alarm }) => alarm === 'listing-failed')).toHaveLength(calls)
      expect(await faulty.outbox.stats()).toMatchObject({ listing: true })
      const stopped = faulty.relist()
      await faulty.outbox.stop()
      await expect(stopped).rejects.toMatchObject({ code: 'stopped' })
      await faulty.kill()
      service = await openService(bench)
      await settle(bench, service)
      expect(await service.outbox.stats()).toMatchObject({ listing: false, pending: 0 })
      expect(await copyOf(bench.broker)).toEqual(await table(service))
      expect(await service.relist()).toEqual({ present: 0, deleted: 0 })
    })

    test('does not bring back what is deleted while it runs, and does not delete what comes', async () => {
      await loseLife(bench, service)
      service = await openService(bench, {
        onRestored: async () => {
          const listing = service.relist()
          await service.write({ customers: { a: null, d: 'Dora' } })
          await listing
        },
      })
      await settle(bench, service)
      expect(await copyOf(bench.broker)).toEqual({ b: 'Bob', c: 'Cid', d: 'Dora' })
      expect(await copyOf(bench.broker)).toEqual(await table(service))
    })
  })

  describe('an ordinary start', () => {
    test('after answers were lost is not taken for a restored database', async () => {
      for (let start = 0; start < 4; start++) {
        await service.write({ customers: { a: `Ann ${start}` }, mails: [{ id: `m${start}`, key: 'a' }] })
        bench.faults.publish = async (_, request) => {
          await bench.broker.publish(caller, request)
          throw away
        }
        await service.relay()
        delete bench.faults.publish
        await service.kill()
        service = await openService(bench)
      }
      await settle(bench, service)
      expect(restoredAlarms(bench)).toBe(0)
      expect(ids(await bench.published(mails))).toEqual(['m0', 'm1', 'm2', 'm3'])
    })

    test('beside a process that goes on writing and relaying is not taken for a restored database', async () => {
      for (let start = 0; start < 4; start++) {
        await service.write({ mails: [{ id: `m${start}a`, key: 'a' }] })
        await service.relay()
        const newer = await openService(bench)
        await Promise.all([service.write({ mails: [{ id: `m${start}b`, key: 'a' }] }), service.relay(), newer.relay()])
        await settle(bench, newer)
        service = newer
      }
      expect(restoredAlarms(bench)).toBe(0)
      expect(ids(await bench.published(mails))).toHaveLength(8)
    })

    test('of an empty database under the name of a service that published before lists everything', async (context) => {
      await service.write({ customers: { a: 'Ann', z: 'Zoe' } })
      await service.relay()
      await service.kill()
      const other = await createBench(context, { kind, seed: 2 })
      const { broker } = bench
      const fresh: ServiceProcess = await other.process({ broker, onRestored: async () => void (await fresh.relist()) })
      await fresh.relay()
      await fresh.write({ customers: { a: 'Anew' } })
      await settle(other, fresh)
      expect(await copyOf(broker)).toEqual({ a: 'Anew' })
      await other.stop()
    })
  })
})
