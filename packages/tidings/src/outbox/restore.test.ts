import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ListingReport, OutboxOptions } from './index.ts'
import { TidingsError } from '../errors.ts'
import { caller, copyOf, createBench, ids, mails, type Bench, type ServiceProcess } from './bench.fixture.ts'

let bench: Bench
let service: ServiceProcess

beforeEach(async () => {
  bench = await createBench()
  service = await bench.process()
})
afterEach(() => bench.stop())

const away = new TidingsError('unavailable', 'away')
const restoredAlarms = (): number => bench.alarms.filter(({ alarm }) => alarm === 'restored').length

async function table(process: ServiceProcess): Promise<Record<string, unknown>> {
  const rows = await process.database.query<{ id: string; name: string }>('select id, name from customers')
  return Object.fromEntries(rows.map(({ id, name }) => [id, name]))
}

/** A process that lists its customers when it turns out to be restored, as the service kit does. */
async function openService(options: Partial<Omit<OutboxOptions, 'environment'>> = {}): Promise<ServiceProcess> {
  const process: ServiceProcess = await bench.process({
    onRestored: async () => void (await process.relist()),
    ...options,
  })
  return process
}

/** Rounds of the relay, with the time that failures need, until there is nothing left to do. */
async function settle(process: ServiceProcess): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await process.relay()
    await bench.environment.advance(10_000)
    const { pending, listing } = await process.outbox.stats()
    if (round > 1 && pending === 0 && !listing) return
  }
}

/** Customers a, b and c; a backup; then a life that is lost: a changes, b goes, d comes. */
async function loseLife(): Promise<void> {
  await service.write({ customers: { a: 'Ann', b: 'Bob', c: 'Cid' }, mails: [{ id: 'm1', key: 'a' }] })
  await service.relay()
  const restore = bench.backup()
  await bench.environment.advance(3_600_000)
  await service.write({ customers: { a: 'Lost', b: null, d: 'Dan' }, mails: [{ id: 'lost', key: 'a' }] })
  await service.write({ customers: { a: 'Lost again' } })
  await service.relay()
  expect(await copyOf(bench.broker)).toEqual({ a: 'Lost again', c: 'Cid', d: 'Dan' })
  await service.kill()
  restore()
}

describe('a database that was restored from a backup', () => {
  test('makes copies follow its state, also in what only the lost life knew', async () => {
    await loseLife()
    const reports: unknown[] = []
    service = await bench.process({
      onRestored: async () => void reports.push(...(await Promise.all([service.relist(), service.relist()]))),
    })
    await settle(service)
    expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
    expect(await copyOf(bench.broker)).toEqual(await table(service))
    const [first, second] = reports as ListingReport[]
    expect([first!.present + second!.present, first!.deleted + second!.deleted]).toEqual([3, 1])
    expect(await service.outbox.stats()).toMatchObject({ listing: false, pending: 0 })
    expect(restoredAlarms()).toBe(1)
  })

  test('has everything delivered that is written after it', async () => {
    await loseLife()
    service = await openService()
    await service.write({ customers: { a: 'Anna', e: 'Eve' }, mails: [{ id: 'm2', key: 'a' }] })
    await settle(service)
    await service.write({ customers: { c: null }, mails: [{ id: 'm3', key: 'a' }] })
    await settle(service)
    expect(await copyOf(bench.broker)).toEqual({ a: 'Anna', b: 'Bob', e: 'Eve' })
    expect(ids(await bench.published(mails))).toEqual(['m1', 'lost', 'm2', 'm3'])
  })

  test('is noticed although more was written, and several processes started, before the broker could be asked', async () => {
    await loseLife()
    bench.faults.producer = () => Promise.reject(away)
    for (let start = 0; start < 3; start++) {
      service = await openService()
      const many = Array.from({ length: 10 }, (_, index) => ({ id: `n${start}-${index}`, key: 'a' }))
      await service.write({ customers: { a: `Anna ${start}` }, mails: many })
      await settle(service)
      if (start < 2) await service.kill()
    }
    delete bench.faults.producer
    await settle(service)
    expect(await copyOf(bench.broker)).toEqual({ a: 'Anna 2', b: 'Bob', c: 'Cid' })
    expect(ids(await bench.published(mails)).filter((id) => id.startsWith('n'))).toHaveLength(30)
    expect(restoredAlarms()).toBe(1)
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
    const restore = bench.backup()
    delete bench.faults.publish
    await service.relay()
    await service.kill()
    restore()
    service = await openService()
    await service.write({ mails: [{ id: 'new', key: 'a' }] })
    await settle(service)
    expect(ids(await bench.published(mails))).toEqual(['m1', 'waiting', 'waiting too', 'new'])
    expect(await service.outbox.stats()).toMatchObject({ pending: 0 })
  })

  test('publishes nothing before its new life has begun, whatever fails on the way', async () => {
    await loseLife()
    service = await openService()
    const sql = (text: string): Promise<unknown> =>
      service.database.transaction((transaction) => transaction.query(text))
    await sql("create trigger failing before update on tidings_source begin select raise(abort, 'no'); end")
    await service.write({ mails: [{ id: 'm2', key: 'a' }] })
    for (let round = 0; round < 3; round++) await expect(service.relay()).rejects.toThrow('no')
    expect(ids(await bench.published(mails))).toEqual(['m1', 'lost'])
    await sql('drop trigger failing')
    await settle(service)
    expect(ids(await bench.published(mails))).toEqual(['m1', 'lost', 'm2'])
    expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
  })

  test('that another process has taken over meanwhile is left to that one', async () => {
    await loseLife()
    const older = await openService()
    const goOn: (() => void)[] = []
    bench.faults.producer = async (_, request) => {
      await new Promise<void>((resolve) => goOn.push(resolve))
      return bench.broker.producer(caller, request)
    }
    const paused = older.outbox.tick()
    await bench.environment.advance(0)
    delete bench.faults.producer
    service = await openService()
    for (const go of goOn) go()
    expect(await paused).toMatchObject({ published: 0 })
    await settle(service)
    expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
    expect(restoredAlarms()).toBe(1)
  })

  test('is found once, not again by every later start', async () => {
    await loseLife()
    for (let start = 0; start < 3; start++) {
      service = await openService()
      await settle(service)
      await service.kill()
    }
    service = await openService()
    expect(restoredAlarms()).toBe(1)
  })

  test('is found again, and listed again, when it is restored again', async () => {
    await loseLife()
    for (let life = 0; life < 3; life++) {
      service = await openService()
      await settle(service)
      const restore = bench.backup()
      await service.write({ customers: { a: `life ${life}`, [`only ${life}`]: 'x' } })
      await settle(service)
      await service.kill()
      restore()
      await bench.environment.advance(60_000)
    }
    service = await openService()
    await settle(service)
    expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
    expect(restoredAlarms()).toBe(4)
  })

  test('from one backup again and again gives no version twice', async () => {
    await loseLife()
    const restore = bench.backup()
    for (let life = 0; life < 3; life++) {
      service = await openService()
      await settle(service)
      expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
      await service.write({ customers: { a: `life ${life}`, [`only ${life}`]: 'x' } })
      await settle(service)
      await service.kill()
      restore()
      await bench.environment.advance(60_000)
    }
    service = await openService()
    await settle(service)
    expect(await copyOf(bench.broker)).toEqual({ a: 'Ann', b: 'Bob', c: 'Cid' })
  })

  test('fences a relay of the lost life that still runs', async () => {
    await service.write({ mails: [{ id: 'm1' }] })
    await service.relay()
    const zombie: (() => void)[] = []
    const restore = bench.backup()
    await bench.environment.advance(1_000)
    await service.write({ mails: [{ id: 'lost' }] })
    await service.relay()
    bench.faults.publish = async (_, request) => {
      await new Promise<void>((resolve) => zombie.push(resolve))
      return bench.broker.publish(caller, request)
    }
    await service.write({ mails: [{ id: 'from the dead' }] })
    const late = service.outbox.tick()
    await bench.environment.advance(0)
    delete bench.faults.publish
    await Promise.all([service.kill(), late])
    restore()
    service = await openService()
    await service.write({ mails: [{ id: 'm2' }] })
    await settle(service)
    for (const go of zombie) go()
    await bench.environment.advance(1)
    expect(ids(await bench.published(mails))).toEqual(['m1', 'lost', 'm2'])
  })
})

describe('the listing after a restore', () => {
  test('is called for again until it succeeds, after a restart too, and goes on where it was', async () => {
    await service.write({
      customers: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`c${index}`, 'x'])),
    })
    await service.relay()
    const restore = bench.backup()
    await service.write({ customers: { c0: null } })
    await service.relay()
    await service.kill()
    restore()
    let calls = 0
    const faulty = await bench.process({
      onRestored: async () => {
        calls += 1
        throw away
      },
    })
    await settle(faulty)
    expect(calls).toBeGreaterThan(1)
    expect(bench.alarms.filter(({ alarm }) => alarm === 'listing-failed')).toHaveLength(calls)
    expect(await faulty.outbox.stats()).toMatchObject({ listing: true })
    const stopped = faulty.relist()
    await faulty.outbox.stop()
    await expect(stopped).rejects.toMatchObject({ code: 'stopped' })
    await faulty.kill()
    service = await openService()
    await settle(service)
    expect(await service.outbox.stats()).toMatchObject({ listing: false, pending: 0 })
    expect(await copyOf(bench.broker)).toEqual(await table(service))
    expect(await service.relist()).toEqual({ present: 0, deleted: 0 })
  })

  test('does not bring back what is deleted while it runs, and does not delete what comes', async () => {
    await loseLife()
    service = await openService({
      onRestored: async () => {
        const listing = service.relist()
        await service.write({ customers: { a: null, d: 'Dora' } })
        await listing
      },
    })
    await settle(service)
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
      service = await openService()
    }
    await settle(service)
    expect(restoredAlarms()).toBe(0)
    expect(ids(await bench.published(mails))).toEqual(['m0', 'm1', 'm2', 'm3'])
  })

  test('beside a process that goes on writing and relaying is not taken for a restored database', async () => {
    for (let start = 0; start < 4; start++) {
      await service.write({ mails: [{ id: `m${start}a`, key: 'a' }] })
      await service.relay()
      const newer = await openService()
      await Promise.all([service.write({ mails: [{ id: `m${start}b`, key: 'a' }] }), service.relay(), newer.relay()])
      await settle(newer)
      service = newer
    }
    expect(restoredAlarms()).toBe(0)
    expect(ids(await bench.published(mails))).toHaveLength(8)
  })

  test('of an empty database under the name of a service that published before lists everything', async () => {
    await service.write({ customers: { a: 'Ann', z: 'Zoe' } })
    await service.relay()
    await service.kill()
    const other = await createBench(2)
    const { broker } = bench
    const fresh: ServiceProcess = await other.process({ broker, onRestored: async () => void (await fresh.relist()) })
    await fresh.relay()
    await fresh.write({ customers: { a: 'Anew' } })
    for (let round = 0; round < 4; round++) {
      await fresh.relay()
      await other.environment.advance(10_000)
    }
    expect(await copyOf(broker)).toEqual({ a: 'Anew' })
    await other.stop()
  })
})
