import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { caller, copyOf, createBench, ids, mails, until, type Bench, type ServiceProcess } from './bench.fixture.ts'
import { stores } from './store.fixture.ts'
import type { ListingReport } from './index.ts'
import { away, loseLife, openService, restoredAlarms, settle, table } from './restore.fixture.ts'

describe.each(stores)('an outbox in %s:', (kind) => {
  let bench: Bench
  let service: ServiceProcess

  beforeEach(async (test) => {
    bench = await createBench(test, { kind })
    service = await bench.process()
  })
  afterEach(() => bench.stop())

  describe('a database that was restored from a backup', () => {
    test('makes copies follow its state, also in what only the lost life knew', async () => {
      await loseLife(bench, service)
      const reports: unknown[] = []
      service = await bench.process({
        onRestored: async () => void reports.push(...(await Promise.all([service.relist(), service.relist()]))),
      })
      await settle(bench, service)
      expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
      expect(await copyOf(bench.broker)).toEqual(await table(service))
      const [first, second] = reports as ListingReport[]
      expect([first!.present + second!.present, first!.deleted + second!.deleted]).toEqual([3, 1])
      expect(await service.outbox.stats()).toMatchObject({ listing: false, pending: 0 })
      expect(restoredAlarms(bench)).toBe(1)
    })

    test('has everything delivered that is written after it', async () => {
      await loseLife(bench, service)
      service = await openService(bench)
      await service.write({ customers: { a: 'Anna', e: 'Eve' }, mails: [{ id: 'm2', key: 'a' }] })
      await settle(bench, service)
      await service.write({ customers: { c: null }, mails: [{ id: 'm3', key: 'a' }] })
      await settle(bench, service)
      expect(await copyOf(bench.broker)).toEqual({ a: 'Anna', b: 'Bob', e: 'Eve' })
      expect(ids(await bench.published(mails))).toEqual(['m1', 'lost', 'm2', 'm3'])
    })

    test('is noticed although more was written, and several processes started, before the broker could be asked', async () => {
      await loseLife(bench, service)
      bench.faults.producer = () => Promise.reject(away)
      for (let start = 0; start < 3; start++) {
        service = await openService(bench)
        const many = Array.from({ length: 10 }, (_, index) => ({ id: `n${start}-${index}`, key: 'a' }))
        await service.write({ customers: { a: `Anna ${start}` }, mails: many })
        await settle(bench, service, 10)
        if (start < 2) await service.kill()
      }
      delete bench.faults.producer
      await settle(bench, service)
      expect(await copyOf(bench.broker)).toEqual({ a: 'Anna 2', b: 'Bob', c: 'Cid' })
      const many = [0, 1, 2].flatMap((start) => Array.from({ length: 10 }, (_, index) => `n${start}-${index}`))
      expect(ids(await bench.published(mails))).toEqual(['m1', 'lost', ...many])
      expect(restoredAlarms(bench)).toBe(1)
    })

    test('publishes what waited in the backup', async () => {
      await service.write({ customers: { a: 'Ann' }, mails: [{ id: 'm1', key: 'a' }] })
      await service.relay()
      bench.faults.publish = () => Promise.reject(away)
      await service.write({
        mails: [
          { id: 'waiting', key: 'a' },
          { id: 'waiting too', key: 'a' },
        ],
      })
      const restore = await bench.store.backup()
      delete bench.faults.publish
      await service.relay()
      await service.kill()
      await restore()
      service = await openService(bench)
      await service.write({ mails: [{ id: 'new', key: 'a' }] })
      await settle(bench, service)
      expect(ids(await bench.published(mails))).toEqual(['m1', 'waiting', 'waiting too', 'new'])
      expect(await service.outbox.stats()).toMatchObject({ pending: 0 })
    })

    test('publishes nothing before its new life has begun, whatever fails on the way', async () => {
      await loseLife(bench, service)
      service = await openService(bench)
      const other = await bench.store.connect()
      await other.run(
        kind === 'sqlite'
          ? "create trigger failing before update on tidings_source begin select raise(abort, 'no'); end"
          : `create function failing() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
             create trigger failing before update on tidings.outbox_source execute function failing()`,
      )
      await service.write({ mails: [{ id: 'm2', key: 'a' }] })
      for (let round = 0; round < 3; round++) await expect(service.relay()).rejects.toThrow('no')
      expect(ids(await bench.published(mails))).toEqual(['m1', 'lost'])
      await other.run(`drop trigger failing${kind === 'sqlite' ? '' : ' on tidings.outbox_source'}`)
      await other.close()
      await settle(bench, service)
      expect(ids(await bench.published(mails))).toEqual(['m1', 'lost', 'm2'])
      expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
    })

    test('that another process has taken over meanwhile is left to that one', async () => {
      await loseLife(bench, service)
      const older = await openService(bench)
      const goOn: (() => void)[] = []
      bench.faults.producer = async (_, request) => {
        await new Promise<void>((resolve) => goOn.push(resolve))
        return bench.broker.producer(caller, request)
      }
      const paused = older.outbox.tick()
      await until(() => goOn.length === 2)
      delete bench.faults.producer
      service = await openService(bench)
      for (const go of goOn) go()
      expect(await paused).toMatchObject({ published: 0 })
      await settle(bench, service)
      expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
      expect(restoredAlarms(bench)).toBe(1)
    })

    test('is found once, not again by every later start', async () => {
      await loseLife(bench, service)
      for (let start = 0; start < 3; start++) {
        service = await openService(bench)
        await settle(bench, service)
        await service.kill()
      }
      service = await openService(bench)
      expect(restoredAlarms(bench)).toBe(1)
    })

    test('is found again, and listed again, when it is restored again', async () => {
      await loseLife(bench, service)
      for (let life = 0; life < 3; life++) {
        service = await openService(bench)
        await settle(bench, service)
        const restore = await bench.store.backup()
        await service.write({ customers: { a: `life ${life}`, [`only ${life}`]: 'x' } })
        await settle(bench, service)
        await service.kill()
        await restore()
        await bench.environment.advance(60_000)
      }
      service = await openService(bench)
      await settle(bench, service)
      expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
      expect(restoredAlarms(bench)).toBe(4)
    })

    test('from one backup again and again gives no version twice', async () => {
      await loseLife(bench, service)
      const restore = await bench.store.backup()
      for (let life = 0; life < 3; life++) {
        service = await openService(bench)
        await settle(bench, service)
        expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
        await service.write({ customers: { a: `life ${life}`, [`only ${life}`]: 'x' } })
        await settle(bench, service)
        await service.kill()
        await restore()
        await bench.environment.advance(60_000)
      }
      service = await openService(bench)
      await settle(bench, service)
      expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
    })

    test('fences a relay of the lost life that still runs', async () => {
      await service.write({ mails: [{ id: 'm1' }] })
      await service.relay()
      const zombie: (() => void)[] = []
      const restore = await bench.store.backup()
      await bench.environment.advance(1_000)
      await service.write({ mails: [{ id: 'lost' }] })
      await service.relay()
      bench.faults.publish = async (_, request) => {
        await new Promise<void>((resolve) => zombie.push(resolve))
        return bench.broker.publish(caller, request)
      }
      await service.write({ mails: [{ id: 'from the dead' }] })
      const late = service.outbox.tick()
      await until(() => zombie.length > 0)
      delete bench.faults.publish
      await Promise.all([service.kill(), late])
      await restore()
      service = await openService(bench)
      await service.write({ mails: [{ id: 'm2' }] })
      await settle(bench, service)
      for (const go of zombie) go()
      await bench.environment.advance(1)
      expect(ids(await bench.published(mails))).toEqual(['m1', 'lost', 'm2'])
    })
  })
})
