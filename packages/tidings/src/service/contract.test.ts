import Libsql from 'libsql'
import { expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createBroker, ownersOnly, type Broker } from '../broker/index.ts'
import { checkCompatibility, compileSchema } from '../broker/schemas.fixture.ts'
import { defineContract, defineEntity, type Versioning } from '../contract/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { instead } from '../testing/instead.fixture.ts'
import { createService, type Service } from './index.ts'

const caller = { namespace: 'default', principal: 'crm' }

async function openBroker(): Promise<Broker> {
  const authorize = ownersOnly({ operators: ['operator'] })
  const broker = createBroker({ engine: memoryEngine(), authorize, compileSchema, checkCompatibility })
  await broker.start()
  return broker
}

/** The service crm on a database of its own, whose customers have these properties. */
function crmOf(broker: Broker, properties: z.ZodRawShape, more: Versioning = {}): Service<'crm'> {
  const schema = z.object({ id: z.string(), ...properties })
  const contract = defineContract('crm', {
    customer: defineEntity({ key: 'id', schema, description: 'Who buys.', ...more }),
  })
  const database = sqliteDatabase({ client: new Libsql(':memory:'), allowVolatile: true })
  return createService({ contract, broker, database, report: () => undefined })
}

/** The same broker, for the next database of the service. */
function anew(broker: Broker): Broker {
  return instead(broker, { registerService: () => Promise.resolve() })
}

async function startAndStop(service: Service): Promise<void> {
  await service.start()
  await service.stop()
}

it('a service registers its contract when it starts, and the same again changes nothing', async () => {
  await using broker = await openBroker()
  const service = crmOf(broker, { email: z.string() })
  await service.start()
  const described = await broker.contract(caller, 'crm')
  expect(described).toMatchObject({
    registered: { by: 'crm' },
    topics: [{ topic: 'crm.customer', kind: 'entity', key: 'id', description: 'Who buys.' }],
  })
  const types = described.topics[0]!.types.map(({ type, version, versions }) => [type, version, versions.length])
  expect(types).toEqual([
    ['crm.customer.created', 1, 1],
    ['crm.customer.updated', 1, 1],
    ['crm.customer.deleted', 1, 1],
  ])
  await service.stop()
  await service.start()
  expect(await broker.contract(caller, 'crm')).toEqual(described)
  await service.stop()
})

it('a service whose contract would break readers does not start, and its error says why and whom', async () => {
  await using broker = await openBroker()
  await startAndStop(crmOf(broker, { email: z.string() }))
  const before = await broker.contract(caller, 'crm')
  const asMail = { ...caller, principal: 'mail' }
  const needs = {
    topic: 'crm.customer',
    consumer: 'mail.hello',
    as: 'handler',
    fields: ['/email'],
    observed: true,
  } as const
  await broker.reportNeeds(asMail, { service: 'mail', needs: [needs] })
  const service = crmOf(anew(broker), {})
  await expect(service.start()).rejects.toMatchObject({
    code: 'contract-incompatible',
    message: expect.stringMatching(/crm\.customer\.created.*against 1\.1.*mail\.hello \(\/email\).*next version/),
    details: { verdict: 'incompatible', affected: [{ consumer: 'mail.hello' }] },
  })
  await expect(service.transaction(() => undefined)).rejects.toMatchObject({ code: 'stopped' })
  const after = await broker.contract(caller, 'crm')
  expect(after.topics[0]!.types).toEqual(before.topics[0]!.types)
})

it('a service that raises its version starts, and instances of the version before as well', async () => {
  await using broker = await openBroker()
  await startAndStop(crmOf(broker, { email: z.string() }))
  const upcasts = { 1: (data: unknown) => ({ id: (data as { id: string }).id }) }
  await startAndStop(crmOf(anew(broker), {}, { version: 2, upcasts }))
  await startAndStop(crmOf(anew(broker), { email: z.string() }))
  const [created] = (await broker.contract(caller, 'crm')).topics[0]!.types
  expect(created).toMatchObject({
    version: 2,
    versions: [
      { version: 1, current: 1 },
      { version: 2, oldestVersion: 1 },
    ],
  })
})

it('what copies and handlers of services read is in the contract that they read', async () => {
  await using broker = await openBroker()
  const crm = crmOf(broker, { email: z.string() })
  await crm.start()
  const { customer } = defineContract('crm', {
    customer: defineEntity({ key: 'id', schema: z.object({ id: z.string(), email: z.string() }) }),
  })
  const database = sqliteDatabase({ client: new Libsql(':memory:'), allowVolatile: true })
  const contract = defineContract('mail', {})
  const mail = createService({ contract, broker, database, report: () => undefined })
  mail.replicate(customer, { columns: ['email'] })
  mail.on('hello', customer.created, { from: 'end' }, () => undefined)
  await mail.start()
  await vi.waitFor(
    async () => {
      const [topic] = (await broker.contract(caller, 'crm')).topics
      const told = topic!.consumers.map(({ consumer, as, types, needs }) => [
        consumer,
        as,
        types,
        needs?.fields.map(({ field }) => field),
      ])
      expect(told).toEqual([
        ['mail.hello', 'subscription', ['crm.customer.created'], undefined],
        ['mail.replica.crm.customer', 'replica', undefined, ['/email', '/id']],
      ])
    },
    { timeout: 20_000 },
  )
  await mail.stop()
  await crm.stop()
})
