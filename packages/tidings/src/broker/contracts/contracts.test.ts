import { expect, it } from 'vitest'
import { memoryEngine } from '../../engines/memory/index.ts'
import { allowAll, createBroker, type Broker, type CheckCompatibility, type RegisterContractRequest } from '../index.ts'
import { checkCompatibility, compileSchema } from '../schemas.fixture.ts'

const caller = { namespace: 'default', principal: 'shop' }
const topic = 'shop.order'
const text = { type: 'string' }

function contractOf(properties: object, more: Partial<RegisterContractRequest> = {}): RegisterContractRequest {
  const schema = { type: 'object', properties, required: Object.keys(properties) }
  return { service: 'shop', topics: [{ topic, kind: 'event', types: [{ type: topic, schema }] }], ...more }
}

async function openBroker(check: CheckCompatibility | undefined, engine = memoryEngine()): Promise<Broker> {
  const checker = check && { checkCompatibility: check }
  const broker = createBroker({ engine, authorize: allowAll, compileSchema, ...checker })
  await broker.start()
  return broker
}

const revisionsOf = async (broker: Broker): Promise<number> =>
  (await broker.contract(caller, 'shop')).topics[0]!.types[0]!.versions[0]!.revisions.length

it('a broker without a checker says that it cannot tell, and takes what the registrant answers for', async () => {
  await using broker = await openBroker(undefined)
  await broker.registerContract(caller, contractOf({ id: text }))
  const next = contractOf({ id: text, note: text })
  await expect(broker.registerContract(caller, next)).rejects.toMatchObject({
    code: 'contract-undecided',
    message: expect.stringMatching(/made without a checker.*checkCompatibility.*acceptUndecided/),
    details: { verdict: 'undecided', types: [{ findings: [{ rule: 'no-checker', undecided: true }] }] },
  })
  expect(await revisionsOf(broker)).toBe(1)
  await broker.registerContract(caller, { ...next, acceptUndecided: true })
  expect(await revisionsOf(broker)).toBe(2)
  expect(await broker.registerContract(caller, next)).toMatchObject({ verdict: 'unchanged' })
})

it('what the checker cannot decide is refused with its reason, until the registrant answers for it', async () => {
  const finding = {
    rule: 'undecided',
    path: '/x',
    direction: 'forward',
    against: 0,
    message: 'It is too deep.',
  } as const
  await using broker = await openBroker(() => ({ verdict: 'undecided', findings: [finding] }))
  await broker.registerContract(caller, contractOf({ id: text }))
  const next = contractOf({ id: text, note: text })
  await expect(broker.registerContract(caller, next)).rejects.toMatchObject({
    code: 'contract-undecided',
    message: expect.stringContaining('shop.order at /x: It is too deep (rule undecided, against 1.1)'),
  })
  await broker.registerContract(caller, { ...next, acceptUndecided: true })
  expect(await revisionsOf(broker)).toBe(2)
})

it('a contract that another server has registered meanwhile is compared with as well', async () => {
  const engine = memoryEngine()
  const shared = { ...engine, capabilities: { ...engine.capabilities, shared: true } }
  let meanwhile = async (): Promise<void> => undefined
  const slow: CheckCompatibility = async (question) => {
    await meanwhile()
    return checkCompatibility(question)
  }
  await using here = await openBroker(slow, shared)
  await using there = await openBroker(checkCompatibility, { ...shared, start: async () => undefined })
  await here.registerContract(caller, contractOf({ id: text }))
  const optional = (schema: object) => {
    const [{ types, ...rest }] = contractOf({ id: text }).topics as [RegisterContractRequest['topics'][number]]
    const widened = { type: 'object', properties: { id: text, note: schema }, required: ['id'] }
    return { service: 'shop', topics: [{ ...rest, types: [{ ...types[0]!, schema: widened }] }] }
  }
  meanwhile = async () => {
    meanwhile = async () => undefined
    await there.registerContract(caller, optional(text))
  }
  await expect(here.registerContract(caller, optional({ type: 'integer' }))).rejects.toMatchObject({
    code: 'contract-incompatible',
    message: expect.stringContaining('against 1.2'),
  })
  expect((await here.topic(caller, topic)).schemas).toEqual((await there.topic(caller, topic)).schemas)
})

it('a new type of a topic that another process has made stands beside the others', async () => {
  await using broker = await openBroker(checkCompatibility)
  await broker.registerContract(caller, contractOf({ id: text }))
  const paid = { topic, kind: 'event', types: [{ type: 'shop.paid' }] } as const
  const plan = await broker.registerContract(caller, { service: 'shop', topics: [paid] })
  expect(plan.types).toMatchObject([
    { type: 'shop.paid', change: 'new-type', findings: [] },
    { type: topic, change: 'absent', revision: 1 },
  ])
  const events = ['shop.paid', topic].map((type) => ({
    event: { id: type, source: '/shop', type, data: new Uint8Array([49]) },
  }))
  const answers = await broker.publish(caller, { topic, events })
  expect(answers.map(({ status }) => status)).toEqual(['stored', 'refused'])
})

it('whoever reads a type that the contract names no more is named in the plan', async () => {
  await using broker = await openBroker(checkCompatibility)
  await broker.registerContract(caller, contractOf({ id: text, note: text }))
  const mail = { namespace: 'default', principal: 'mail' }
  const needs = { consumer: 'mail.thank', as: 'handler', topic, observed: true, fields: ['/note'] } as const
  await broker.reportNeeds(mail, { service: 'mail', needs: [needs] })
  await broker.putSubscription(mail, { subscription: 'audit.all', topic, from: 'beginning' })
  const { affected } = await broker.planContract(caller, { service: 'shop', topics: [] })
  expect(affected).toEqual([
    {
      topic,
      consumer: 'audit.all',
      service: 'audit',
      as: 'subscription',
      types: [topic],
      fields: [],
      known: 'nothing',
    },
    {
      topic,
      consumer: 'mail.thank',
      service: 'mail',
      as: 'handler',
      types: [topic],
      fields: ['/note'],
      known: 'observed',
    },
  ])
})

it('an entity cannot get another key, unless nothing is promised of it', async () => {
  await using broker = await openBroker(checkCompatibility)
  const customers = (key: string, mode: 'full-transitive' | 'none'): RegisterContractRequest => ({
    service: 'shop',
    topics: [
      {
        topic: 'shop.customer',
        kind: 'entity',
        key,
        compatibility: { mode },
        types: [{ type: 'shop.customer.created' }],
      },
    ],
  })
  await broker.registerContract(caller, customers('id', 'full-transitive'))
  await expect(broker.registerContract(caller, customers('email', 'full-transitive'))).rejects.toMatchObject({
    code: 'contract-incompatible',
    message: expect.stringMatching(/The key of shop.customer was "id" and is "email".*\(rule key-changed/),
  })
  const plan = await broker.registerContract(caller, customers('email', 'none'))
  expect(plan.verdict).toBe('unchanged')
})

it('an older schema that is registered again holds where the newest does not promise to take it', async () => {
  await using broker = await openBroker(checkCompatibility)
  const compatibility = { mode: 'none' } as const
  const current = async () => (await broker.topic(caller, topic)).schemas![topic]
  const [older, newer] = [contractOf({ id: text }, { compatibility }), contractOf({ total: text }, { compatibility })]
  await broker.registerContract(caller, older)
  await broker.registerContract(caller, newer)
  expect(await current()).toMatchObject({ required: ['total'] })
  await broker.registerContract(caller, older)
  expect(await current()).toMatchObject({ required: ['id'] })
  expect(await revisionsOf(broker)).toBe(2)
})
