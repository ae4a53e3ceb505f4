import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import Libsql from 'libsql'
import { defineContract } from '../contract/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { TidingsError } from '../errors.ts'
import { formatSequence } from '../event/index.ts'
import { createService, type Service } from '../service/index.ts'
import { crm, serviceBench, type ServiceBench } from '../service/service.fixture.ts'
import { ownerHandler } from '../verify/index.ts'
import {
  explainDrift,
  inspectReplica,
  inspectTable,
  ownerRoutes,
  remoteOwner,
  repairDrift,
  traceKey,
  type Cause,
  type EntityOwner,
  type InspectedCopy,
} from './index.ts'

const operator = { namespace: 'default', principal: 'operator' }
const { topic } = crm.customer
const subscription = 'sales.replica.crm.customer.1'

let bench: ServiceBench
let own: Libsql.Database
let copies: Libsql.Database
let service: Service<'crm'>
let owner: EntityOwner
let copy: InspectedCopy

beforeEach(async () => {
  bench = await serviceBench()
  const { broker, environment, report } = bench
  own = new Libsql(':memory:')
  own.exec('create table customers (id text primary key, email text, vip integer)')
  copies = new Libsql(':memory:')
  const parts = (client: Libsql.Database) => ({
    broker,
    environment,
    report,
    database: sqliteDatabase({ client, allowVolatile: true, environment }),
  })
  service = bench.use(createService({ contract: crm, ...parts(own) }))
  service.owns(crm.customer, { table: 'customers' })
  const reading = parts(copies)
  const sales = bench.use(createService({ contract: defineContract('sales', {}), ...reading }))
  sales.replicate(crm.customer, { columns: ['email'], table: 'copied' })
  await service.start()
  await sales.start()
  for (const key of ['a', 'b']) await change(key, `${key}@x`)
  await bench.environment.advance(20_000)
  owner = service.owner(crm.customer)
  copy = await inspectReplica({ database: reading.database, table: 'copied' })
})
afterEach(() => bench.stop())

async function change(key: string, email: string): Promise<void> {
  await service.transaction(async (tx) => {
    await tx.query('insert or replace into customers (id, email) values (?, ?)', [key, email])
    await tx.changed(crm.customer, key)
  })
}

function writeAround(key: string): void {
  own.prepare(`update customers set email = 'around' where id = ?`).run(key)
}

const explained = async (parts: Partial<Parameters<typeof explainDrift>[0]> = {}, ...keys: readonly string[]) =>
  explainDrift({ broker: bench.broker, caller: operator, owner, copy, ...parts }, keys)

describe('explainDrift()', () => {
  it('finds what came too late to count behind many others', async () => {
    own.exec("update tidings_key_version set sequence = 0 where key = cast('a' as blob)")
    await change('a', 'again@x')
    await bench.environment.advance(20_000)
    const others = Array.from({ length: 11_000 }, (_, at) => ({
      event: {
        id: `other-${at}`,
        source: 'crm',
        type: `${topic}.updated`,
        key: 'other',
        sequence: formatSequence(at + 1),
      },
    }))
    for (let from = 0; from < others.length; from += 1_000) {
      await bench.broker.publish(
        { namespace: 'default', principal: 'crm' },
        { topic, events: others.slice(from, from + 1_000) },
      )
    }
    expect(await explained({}, 'a')).toMatchObject([{ key: 'a', kind: 'restored' }])
  })

  it('finds nothing where everybody has the same, and says what each hop has', async () => {
    const [cause] = await explained({}, 'a')
    expect(cause).toMatchObject({ key: 'a', kind: 'none', mend: { action: 'none' } })
    expect(cause!.seen.map(({ hop }) => hop)).toEqual(['owner', 'outbox', 'topic', 'subscription', 'copy'])
    expect(cause!.seen.find(({ hop }) => hop === 'copy')?.text).toBe('has a row of version 1')
  })

  it('looks again where the owner has told something meanwhile', async () => {
    writeAround('a')
    let looks = 0
    const busy: EntityOwner = {
      ...owner,
      async standing(keys) {
        // What is told while the hops are asked makes what they say not belong together.
        if (++looks === 2) await change('a', 'told')
        return owner.standing(keys)
      },
    }
    const [cause] = await explained({ owner: busy }, 'a')
    expect(looks).toBeGreaterThan(2)
    // The edit that was seen first is told of by now.
    expect(cause?.kind).not.toBe('never-published')
  })

  it('gives a key up that the owner writes all the time', async () => {
    let looks = 0
    const busy: EntityOwner = {
      ...owner,
      async standing(keys) {
        await change('a', `look ${++looks}`)
        return owner.standing(keys)
      },
    }
    const [changing, other] = await explained({ owner: busy }, 'a', 'b')
    expect([changing?.kind, other?.kind]).toEqual(['changing', 'none'])
  })

  it('asks for many keys, once for each, and answers in their order', async () => {
    const keys = ['b', ...Array.from({ length: 250 }, (_, index) => `never ${index}`), 'a']
    const causes = await explained({}, ...keys, 'b')
    expect(causes.map(({ key }) => key)).toEqual(keys)
  })

  it('has the first event of a key redriven for a handler that takes no other', async () => {
    const asMail = { namespace: 'default', principal: 'mail' }
    const { broker } = bench
    const greet = 'mail.greet'
    const filter = { types: [crm.customer.created.type] }
    await broker.putSubscription(asMail, { subscription: greet, topic, from: 'beginning', filter })
    const letters: Libsql.Database = new Libsql(':memory:')
    letters.exec('create table letters (id text primary key, email text)')
    const settle = async (action: 'ack' | 'dead-letter') => {
      const { deliveries } = await broker.pull(asMail, { subscription: greet, max: 10 })
      const outcomes = deliveries.map(({ lease }) => ({ lease, action, reason: 'no address' }))
      await broker.settle(asMail, { subscription: greet, outcomes })
    }
    await settle('dead-letter')
    writeAround('b')
    await change('a', 'newer@x')
    await bench.environment.advance(20_000)
    const database = sqliteDatabase({ client: letters, allowVolatile: true, environment: bench.environment })
    await database.start()
    const table = inspectTable({
      database,
      topic,
      subscription: greet,
      table: 'letters',
      key: 'id',
      columns: ['email'],
    })
    const causes = await explained({ copy: table }, 'a')
    expect(causes).toMatchObject([{ kind: 'dead-lettered', mend: { action: 'redrive' } }])
    const [around] = await explained({}, 'b')
    const handedBack = await repairDrift({ broker, caller: operator, subscription: greet }, [...causes, around!])
    expect(handedBack).toMatchObject([{ outcome: 'redriven' }, { key: 'b', outcome: 'left' }])
    await settle('ack')
    expect(await explained({ copy: table }, 'a')).toMatchObject([{ kind: 'not-wanted' }])
    await database.stop()
  })

  it('knows a copy whose database is older than what was acknowledged', async () => {
    const applied = (await copy.applied())!
    const older: InspectedCopy = {
      topic,
      subscription,
      key: 'id',
      columns: ['email'],
      applied: async () => applied - 1,
      find: async () => new Map([['a', { keepsVersions: true }]]),
    }
    const [cause] = await explained({ copy: older }, 'a')
    expect(cause).toMatchObject({ kind: 'restored', mend: { action: 'wait' } })
  })
})

describe('repairDrift()', () => {
  it('says of every key what became of it, also when the owner is lost on the way', async () => {
    const keys = Array.from({ length: 150 }, (_, number) => `k${number}`)
    const causes = keys.map((key) => ({ key, kind: 'written-locally', mend: { action: 'publish-again' } }) as Cause)
    let calls = 0
    const lost: EntityOwner = {
      ...owner,
      async publishAgain(requests) {
        if (++calls > 1) throw new TidingsError('unavailable', 'out of reach')
        return owner.publishAgain(requests)
      },
    }
    const repair = () => repairDrift({ broker: bench.broker, caller: operator, owner: lost, subscription }, causes)
    const done = await repair()
    expect(done.map(({ key }) => key)).toEqual(keys)
    expect(done.slice(0, 100).every(({ outcome }) => outcome === 'published')).toBe(true)
    expect(new Set(done.slice(100).map((each) => (each.outcome === 'refused' ? each.code : '')))).toEqual(
      new Set(['unavailable']),
    )
    await expect(repair()).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('does not let one key that is refused disturb others', async () => {
    writeAround('a')
    writeAround('b')
    const causes = await explained({}, 'a', 'b')
    own.exec(`update customers set email = null where id = 'a'`)
    const done = await repairDrift({ broker: bench.broker, caller: operator, owner, subscription }, causes)
    expect(done).toMatchObject([
      { key: 'a', outcome: 'refused', code: 'schema-violation' },
      { key: 'b', outcome: 'published', isPresent: true },
    ])
    const [refused] = await explained({}, 'a')
    expect(refused).toMatchObject({ kind: 'refused', mend: { action: 'decide' } })
  })

  it('is refused to who may not operate the topic, before anything is done', async () => {
    writeAround('a')
    const causes = await explained({}, 'a')
    const stranger = { ...operator, principal: 'sales' }
    const repair = repairDrift({ broker: bench.broker, caller: stranger, owner, subscription }, causes)
    await expect(repair).rejects.toMatchObject({ code: 'forbidden' })
    const [standing] = await owner.standing(['a'])
    expect(standing).toMatchObject({ version: { sequence: '00000000000000000001' } })
  })
})

describe('an owner over HTTP', () => {
  const secret = 'a secret of at least 32 characters'
  const remote = (of: string = topic): EntityOwner => {
    const handler = ownerHandler({ secret, entities: [], routes: ownerRoutes([owner]), environment: bench.environment })
    return remoteOwner({
      url: 'http://owner.example',
      secret,
      topic: of,
      fetch: handler,
      environment: bench.environment,
    })
  }

  it('says and does what it does in the same process', async () => {
    own.exec(`update customers set email = null where id = 'b'`)
    const keys = ['a', 'b', 'never']
    expect(await remote().standing(keys)).toEqual(await owner.standing(keys))
    const answers = await remote().publishAgain([{ key: 'a', above: { sourceepoch: 0, sequence: '7' } }, { key: 'b' }])
    expect(answers).toMatchObject([
      { key: 'a', status: 'published', version: { sequence: '00000000000000000008' }, released: 0 },
      { key: 'b', status: 'refused', code: 'schema-violation' },
    ])
  })

  it('refuses what it does not own, and too many keys', async () => {
    await expect(remote('crm.other').standing(['a'])).rejects.toMatchObject({ code: 'topic-unknown' })
    const many = Array.from({ length: 101 }, (_, index) => `k${index}`)
    await expect(remote().standing(many)).rejects.toBeInstanceOf(TidingsError)
  })
})

describe('traceKey()', () => {
  it('follows one key from its owner to each subscription and copy', async () => {
    await change('a', 'newer')
    const { broker } = bench
    const trace = await traceKey({ broker, caller: operator, topic, key: 'a', owner, copies: [copy] })
    expect(trace).toMatchObject({
      topic,
      key: 'a',
      isPartial: false,
      owner: { version: { sequence: '00000000000000000002' } },
    })
    expect(trace.owner?.unsent).toHaveLength(1)
    expect(trace.events.map(({ event, at }) => [event.type, at])).toMatchObject([
      [`${topic}.created`, [{ subscription, state: 'settled' }]],
    ])
    expect(trace.copies).toEqual([
      {
        subscription,
        isPresent: true,
        values: { email: '"a@x"' },
        keepsVersions: true,
        version: { sourceepoch: 0, sequence: '00000000000000000001' },
      },
    ])
  })
})
