import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../contract/index.ts'
import { formatSequence } from '../event/index.ts'
import { onSqlite } from '../testing/databases.fixture.ts'
import { instead } from '../testing/instead.fixture.ts'
import { replicaBench, type ReplicaBench } from './replica.fixture.ts'

const { product } = defineContract('shop', {
  product: defineEntity({
    key: 'sku',
    schema: z.object({ sku: z.int(), name: z.string(), tags: z.array(z.string()).optional() }),
  }),
})
let bench: ReplicaBench

beforeEach(async (context) => {
  bench = await replicaBench(product, await onSqlite(context))
})
afterEach(async () => {
  const stopped = bench.stop()
  await bench.environment.advance(1_000)
  await stopped
})

const memory = { columns: ['name', 'tags'], store: 'memory' } as const

describe('a replica in memory', () => {
  it('copies what is there and everything that changes, by version, without a subscription', async () => {
    await bench.publish({ sku: 1, name: 'lamp', tags: ['new'] }, { sku: 2, name: 'chair' }, '2')
    const products = await bench.start(memory)
    await bench.environment.advance(300)
    expect(await products.get(1)).toEqual({ sku: 1, name: 'lamp', tags: ['new'] })
    expect(await products.get(2)).toBeUndefined()
    await bench.publish({ sku: 1, name: 'lantern' }, { sku: 3, name: 'table' })
    await bench.environment.advance(300)
    expect(await products.all()).toEqual([
      { sku: 1, name: 'lantern' },
      { sku: 3, name: 'table' },
    ])
    expect(products.table).toBeUndefined()
    expect(products.status()).toMatchObject({ state: 'ready' })
    expect(await bench.broker.subscriptions({ namespace: 'default', principal: 'operator' })).toEqual([])
  })

  it('holds its columns only, and no row that was deleted', async () => {
    await bench.publish({ sku: 1, name: 'lamp', tags: ['new'] }, { sku: 2, name: 'chair' })
    const products = await bench.start({ columns: ['name'], store: 'memory' })
    await bench.environment.advance(300)
    expect(await products.all()).toEqual([
      { sku: 1, name: 'lamp' },
      { sku: 2, name: 'chair' },
    ])
    await bench.publish('2', { sku: 1, name: 'lantern', tags: [] })
    await bench.environment.advance(300)
    expect(await products.get(2)).toBeUndefined()
    expect(await products.all()).toEqual([{ sku: 1, name: 'lantern' }])
  })

  it('ends equal when the same delete and update arrive in the wrong order, twice', async () => {
    const products = await bench.start(memory)
    await bench.environment.advance(300)
    const versioned = async (sequence: number, change: { sku: number; name: string } | string): Promise<void> =>
      bench.publishAs(change, { sequence: formatSequence(sequence) })
    for (let twice = 0; twice < 2; twice++) {
      await versioned(3, '1')
      await versioned(2, { sku: 1, name: 'lantern' })
      await versioned(1, { sku: 1, name: 'lamp' })
      await versioned(2, { sku: 2, name: 'stool' })
      await versioned(1, { sku: 2, name: 'chair' })
      await bench.environment.advance(300)
      expect(await products.all()).toEqual([{ sku: 2, name: 'stool' }])
    }
  })

  it('misses no change that comes while the pages of its listing are read', async () => {
    await bench.publish(...[1, 2, 3].map((sku) => ({ sku, name: 'old' })))
    let pages = 0
    const broker = instead(bench.broker, {
      async latest(caller, request) {
        const page = await bench.broker.latest(caller, { ...request, limit: 1 })
        if (++pages === 1)
          await bench.publish(...[1, 2, 3].map((sku) => ({ sku, name: 'new' })), { sku: 4, name: 'new' })
        return page
      },
    })
    const products = await bench.start(memory, { broker })
    await bench.environment.advance(300)
    expect(pages).toBeGreaterThan(1)
    expect((await products.all()).map(({ sku, name }) => [sku, name].join(' ')).toSorted()).toEqual([
      '1 new',
      '2 new',
      '3 new',
      '4 new',
    ])
  })

  it('leaves out what it cannot copy, says so, and goes on', async () => {
    const products = await bench.start(memory)
    await bench.publishAs({ sku: 1, name: 'lamp' }, { data: new TextEncoder().encode('{') })
    await bench.publish({ sku: 2, name: 'chair' })
    await bench.environment.advance(300)
    expect(await products.all()).toEqual([{ sku: 2, name: 'chair' }])
    expect(bench.notices).toContainEqual(
      expect.objectContaining({ level: 'error', message: expect.stringContaining('is not JSON') }),
    )
  })

  it('tells which rows have arrived, so that who waits for one is woken', async () => {
    await bench.publish({ sku: 1, name: 'lamp' })
    await bench.start(memory)
    await bench.environment.advance(300)
    expect(bench.applied).toEqual(['any'])
    await bench.publish({ sku: 2, name: 'chair' }, '1')
    await bench.environment.advance(300)
    expect(bench.applied.slice(1).flat()).toEqual(['2', '1'])
  })

  it('is stopped for its readers too', async () => {
    await bench.publish({ sku: 1, name: 'lamp' })
    const products = await bench.start(memory)
    await bench.environment.advance(300)
    const stopped = bench.stop()
    await bench.environment.advance(1_000)
    await stopped
    expect(products.status()).toMatchObject({ state: 'stopped' })
    await expect(products.get(1)).rejects.toMatchObject({ code: 'replica-not-ready' })
  })

  it('answers nothing before it equals the topic', async () => {
    await bench.publish({ sku: 1, name: 'lamp' })
    let reads = 0
    const broker = instead(bench.broker, {
      async latest(...call) {
        const page = await bench.broker.latest(...call)
        await bench.publish({ sku: 1, name: 'lantern' })
        return page
      },
      async read(...call) {
        if (reads++ === 0) throw new Error('not now')
        return await bench.broker.read(...call)
      },
    })
    const products = await bench.start(memory, { broker })
    await bench.environment.advance(1)
    await expect(products.get(1)).rejects.toMatchObject({ code: 'replica-not-ready' })
    await bench.environment.advance(300)
    expect(await products.get(1)).toEqual({ sku: 1, name: 'lantern' })
  })

  it('is filled again when the topic begins anew, and keeps what it has until that is complete', async () => {
    await bench.publish({ sku: 1, name: 'lamp' })
    let letGo = (): void => undefined
    const listing: { held?: Promise<void> } = {}
    const broker = instead(bench.broker, {
      async latest(...call) {
        await listing.held
        return await bench.broker.latest(...call)
      },
    })
    const products = await bench.start(memory, { broker })
    await bench.environment.advance(300)
    listing.held = new Promise((resolve) => (letGo = resolve))
    await bench.wipe()
    await bench.publish({ sku: 2, name: 'chair' })
    await bench.environment.advance(2_000)
    expect(await products.all()).toEqual([{ sku: 1, name: 'lamp' }])
    expect(products.status().state).toBe('rebuilding')
    letGo()
    await bench.environment.advance(300)
    expect(await products.all()).toEqual([{ sku: 2, name: 'chair' }])
  })

  it('alarms when it is older than declared, and answers all the same', async () => {
    let cut = false
    const broker = instead(bench.broker, {
      async read(...call) {
        if (cut) throw new Error('out of reach')
        return await bench.broker.read(...call)
      },
    })
    await bench.publish({ sku: 1, name: 'lamp' })
    const products = await bench.start({ ...memory, freshness: '5s' }, { broker })
    await bench.environment.advance(4_000)
    cut = true
    await bench.environment.advance(20_000)
    const errors = bench.notices.filter(({ level }) => level === 'error')
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('5000 ms were declared') })])
    expect(await products.all()).toHaveLength(1)
  })
})

describe('a replica', () => {
  it('refuses a freshness that is no time span and columns that are its own', async () => {
    await expect(bench.start({ columns: ['name'], freshness: JSON.parse('"soon"') })).rejects.toMatchObject({
      code: 'bad-request',
    })
    await expect(bench.start({ columns: ['tidings_version'] })).rejects.toMatchObject({ code: 'bad-request' })
  })
})
