import { contractDocument, defineContract, defineEntity, defineEvent, fromJsonSchema } from 'tidings'
import type { JsonSchema, RegisterContractRequest } from 'tidings/broker'
import { beforeAll, describe, expect, it } from 'vitest'
import { openBench } from '../bench.fixture.ts'
import { caller } from '../shop.fixture.ts'
import type { AsyncApiDocument } from './document.ts'
import { partName } from './names.ts'
import { acceptedBy, parse } from './parser.fixture.ts'

const text = { type: 'string' }
const objectOf = (properties: object) => ({ type: 'object', properties, required: Object.keys(properties) })

const ofId = (more: object = {}) => fromJsonSchema<{ id: string }>(objectOf({ id: text, ...more }))
const status = { enum: ['active', 'lost'] }
const crm = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: ofId({ email: text, status }) }),
  // Nobody reads it.
  called: defineEvent({ schema: ofId() }),
})
const sales = defineContract('sales', { order: defineEntity({ key: 'id', schema: ofId({ customerId: text }) }) })
const marketing = defineContract('marketing', { emailSent: defineEvent({ key: 'id', schema: ofId() }) })

interface Needed {
  readonly service: string
  readonly topic: string
  readonly as: 'handler' | 'replica'
  readonly fields: readonly string[]
}

/** The document of a service, by a real server where these are registered. */
async function documentOf(
  service: string,
  contracts: readonly RegisterContractRequest[],
  needs: readonly Needed[] = [],
): Promise<AsyncApiDocument> {
  await using bench = await openBench()
  for (const contract of contracts) await bench.broker.registerContract(caller, contract)
  for (const { service: reader, ...need } of needs) {
    const consumer = `${reader}.reads.${need.topic}`
    await bench.broker.reportNeeds(caller, { service: reader, needs: [{ ...need, consumer, observed: true }] })
  }
  const answer = await bench.call('GET', `/asyncapi/${service}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.body as unknown as AsyncApiDocument
}

function eventOf(schema: JsonSchema | undefined, type = 'shop.sold', more: object = {}): RegisterContractRequest {
  return {
    service: 'shop',
    topics: [
      { topic: 'shop.sold', kind: 'event', types: [{ type, ...(schema !== undefined && { schema }), ...more }] },
    ],
  }
}

describe('the AsyncAPI document of a service', () => {
  it('names what it sends and what it receives, whose that is and who else uses it', async () => {
    const all = [crm, sales, marketing].map((contract) => contractDocument(contract))
    const document = await documentOf('marketing', all, [
      { service: 'marketing', topic: 'crm.customer', as: 'replica', fields: ['/email', '/id'] },
      { service: 'marketing', topic: 'sales.order', as: 'handler', fields: ['/customerId'] },
      { service: 'analytics', topic: 'marketing.email-sent', as: 'handler', fields: ['/id'] },
      { service: 'analytics', topic: 'sales.order', as: 'handler', fields: [''] },
    ])
    const parsed = await parse(document)
    expect(parsed.info().title()).toBe('marketing')
    expect(Object.keys(document.channels)).toEqual(['marketing.email-sent', 'crm.customer', 'sales.order'])
    const operations = parsed.operations().all()
    expect(operations.map((each) => [each.id(), each.action()])).toEqual([
      ['send.marketing.email-sent', 'send'],
      ['receive.crm.customer', 'receive'],
      ['receive.sales.order', 'receive'],
    ])
    expect(operations[1]!.channels().all()[0]!.address()).toBe('crm.customer')
    expect(
      operations[1]!
        .messages()
        .all()
        .map((message) => message.name()),
    ).toEqual(['crm.customer.created', 'crm.customer.updated', 'crm.customer.deleted'])
    expect(document.channels).toMatchObject({
      'marketing.email-sent': {
        address: 'marketing.email-sent',
        'x-tidings': {
          kind: 'event',
          owner: 'marketing',
          key: 'id',
          consumers: [{ service: 'analytics', fields: ['/id'] }],
        },
      },
      'sales.order': {
        'x-tidings': { kind: 'entity', owner: 'sales', key: 'id', consumers: [{ service: 'marketing' }] },
      },
    })
    expect((document.channels['sales.order']!['x-tidings'] as { consumers: unknown[] }).consumers).toHaveLength(1)
    expect(document.operations['receive.crm.customer']).toMatchObject({
      'x-tidings': { owner: 'crm', consumers: [{ as: 'replica' }] },
    })
    const customer = { id: 'c', email: 'a@example.com', status: 'active' }
    expect(acceptedBy(document, 'crm.customer.updated', customer)).toBe(true)
    expect(acceptedBy(document, 'crm.customer.updated', { ...customer, status: 'asleep' })).toBe(false)
  })

  it('is there for a service that owns nothing and reads, and names only the types that it takes', async () => {
    await using bench = await openBench()
    await bench.broker.registerContract(caller, contractDocument(crm))
    const filter = { types: ['crm.customer.created'] }
    await bench.broker.putSubscription(caller, {
      subscription: 'mail.hello',
      topic: 'crm.customer',
      from: 'end',
      filter,
    })
    const document = (await bench.call('GET', '/asyncapi/mail')).body as unknown as AsyncApiDocument
    const parsed = await parse(document)
    const messages = parsed
      .operations()
      .all()
      .flatMap((each) => each.messages().all())
    expect(messages.map((message) => message.name())).toEqual(['crm.customer.created'])
    expect(document.info.version).toBe('0.0.0')
    expect((await bench.call('GET', '/asyncapi/nobody')).body).toMatchObject({ code: 'contract-unknown' })
  })

  it('says the versions of the data, and grows with each registration', async () => {
    await using bench = await openBench()
    const ask = async () => (await bench.call('GET', '/asyncapi/shop')).body as unknown as AsyncApiDocument
    await bench.broker.registerContract(caller, eventOf(objectOf({ id: text })))
    expect((await ask()).info.version).toBe('1.1.0')
    await bench.broker.registerContract(caller, eventOf({ ...objectOf({ id: text }), title: 'Sold' }))
    const second = { version: 2, oldestVersion: 1 }
    await bench.broker.registerContract(caller, eventOf(objectOf({ number: { type: 'integer' } }), 'shop.sold', second))
    const document = await ask()
    const parsed = await parse(document)
    expect(document.info.version).toBe('2.3.0')
    const { messages } = document.components as { messages: Record<string, Record<string, unknown>> }
    expect(messages).toMatchObject({
      'shop.sold': {
        headers: { required: expect.arrayContaining(['ce-dataschema']) },
        'x-tidings': { version: 2, revision: 1 },
      },
      'shop.sold__v1': {
        deprecated: true,
        'x-tidings': { version: 1, revision: 2, digest: expect.stringMatching(/^sha256:/) },
      },
    })
    const headers = parsed.channels().get('shop.sold')!.messages().get('shop.sold')!.headers()!.json() as object
    expect(headers).toMatchObject({
      properties: {
        'ce-specversion': { const: '1.0' },
        'ce-type': { const: 'shop.sold' },
        'ce-dataschema': { const: 'tidings:shop.sold/2' },
      },
    })
    const event = { type: 'shop.sold', id: '1', source: 'shop', dataschema: 'tidings:shop.sold/2' }
    const stored = await bench.call('POST', '/topics/shop.sold/events', {
      headers: {
        'ce-specversion': '1.0',
        ...Object.fromEntries(Object.entries(event).map(([name, value]) => [`ce-${name}`, value])),
      },
      json: { number: 1 },
    })
    expect(stored.body).toMatchObject({ status: 'stored' })
    expect(acceptedBy(document, 'shop.sold', { number: 1 })).toBe(true)
    expect(acceptedBy(document, 'shop.sold__v1', { number: 1 })).toBe(false)
    expect(acceptedBy(document, 'shop.sold__v1', { id: 'a' })).toBe(true)
  })

  it('says to whom tasks are answered, and with what', async () => {
    const types = [
      { type: 'bank.check', schema: objectOf({ id: text }), result: objectOf({ limit: { type: 'number' } }) },
    ]
    const bank: RegisterContractRequest = {
      service: 'bank',
      topics: [
        { topic: 'bank.check', kind: 'task', key: 'id', types },
        { topic: 'bank.replies', kind: 'event', replies: true, types: [] },
      ],
    }
    const document = await documentOf('bank', [bank])
    const parsed = await parse(document)
    const [check, replies] = parsed.operations().all()
    expect([check!.id(), check!.action(), replies!.id(), replies!.action()]).toEqual([
      ...['receive.bank.check', 'receive'],
      ...['receive.bank.replies', 'receive'],
    ])
    expect(parsed.operations().all()).toHaveLength(2)
    const reply = check!.reply()!
    expect(reply.address()!.location()).toBe('$message.header#/ce-replyto')
    expect(
      reply
        .messages()
        .all()
        .map((message) => message.name()),
    ).toEqual(['bank.check.accepted', 'bank.check.refused'])
    expect(acceptedBy(document, 'bank.check__accepted', { limit: 1 })).toBe(true)
    expect(acceptedBy(document, 'bank.check__accepted', {})).toBe(false)
  })

  it('has a name of its own for each type, whatever the types are called', async () => {
    const names = ['a/b', 'a~1b', 'a_2f-b', 'Ünï code', 'a.b', 'a_b', 'shop.sold', '$ref', '#', '%2F', 'a__v1']
    // Both topics have the same types; what tells them apart is their schema.
    const topics = ['shop.sold', 'shop.bought'].map((topic, place) => ({
      topic,
      kind: 'event' as const,
      types: names.slice(place * 5).map((type, index) => ({ type, schema: { const: `${place}.${index}` } })),
    }))
    const document = await documentOf('shop', [{ service: 'shop', topics }])
    const parsed = await parse(document)
    for (const { topic, types } of topics) {
      const messages = parsed.channels().get(topic)!.messages().all()
      const found = messages.map((message) => {
        return { type: message.name(), schema: message.payload()!.json<{ schema: object }>().schema }
      })
      expect(found).toMatchObject(types)
    }
  })
})

const strange = '#/$defs/a~1b~0%20%25c%23'
const person = (next: object) => objectOf({ name: text, friends: { type: 'array', items: next } })
const ada = { name: 'Ada', friends: [{ name: 'Bob', friends: [] }] }
const wrong = { name: 'Ada', friends: [{ name: 'Bob', friends: [{ name: 1, friends: [] }] }] }

const referring: Readonly<Record<string, JsonSchema>> = {
  'to itself': person({ $ref: '#' }),
  'to a definition that refers to itself': { $ref: '#/$defs/p', $defs: { p: person({ $ref: '#/$defs/p' }) } },
  'in a circle': { $ref: '#/$defs/a', $defs: { a: person({ $ref: '#/$defs/b' }), b: person({ $ref: '#/$defs/a' }) } },
  'to a strange name': { $ref: strange, $defs: { 'a/b~ %c#': person({ $ref: strange }) } },
  'beside other words': {
    $defs: { p: person({ $ref: '#/$defs/p', title: 'P' }) },
    $ref: '#/$defs/p',
    required: ['name'],
  },
  'beside other demands': {
    allOf: [{ required: ['name'] }],
    $ref: '#/$defs/p',
    $defs: { p: person({ $ref: '#/$defs/p' }) },
  },
  'by an anchor': { $defs: { p: { $anchor: 'p', ...person({ $ref: '#p' }) } }, $ref: '#p' },
  'by an id': { $id: 'https://example.com/x', $ref: 'p', $defs: { p: { $id: 'p', ...person({ $ref: '#' }) } } },
  'by a dynamic anchor': { $dynamicAnchor: 'node', ...person({ $dynamicRef: '#node' }) },
  'from old definitions': {
    definitions: { p: person({ $ref: '#/definitions/p' }) },
    allOf: [{ $ref: '#/definitions/p' }],
  },
}
const misleading: Readonly<Record<string, JsonSchema>> = {
  'holds a reference as data': { const: { $ref: 'https://example.com/elsewhere.json' } },
  'holds a reference as an example': { examples: [{ $ref: '/etc/hostname' }] },
  'names a property like a reference': { properties: { $ref: text } },
  'holds a reference in a word nobody knows': { 'x-of': { $ref: '/etc/hostname' } },
  'leads to several places': {
    ...{ $id: 'https://example.com/n', $dynamicAnchor: 'n', $defs: { b: { $id: 'b', $dynamicAnchor: 'n' } } },
    properties: { x: { $dynamicRef: '#n' } },
  },
}
const plain: Readonly<Record<string, readonly [JsonSchema | undefined, boolean | undefined]>> = {
  'accepts everything': [true, true],
  'accepts nothing': [false, false],
  'is not there': [undefined, undefined],
}

describe('a schema in an AsyncAPI document', () => {
  let document: AsyncApiDocument
  let messages: ReadonlyMap<string, { hasPayload(): boolean }>
  beforeAll(async () => {
    const schemas = {
      ...referring,
      ...misleading,
      ...Object.fromEntries(Object.entries(plain).map(([name, [schema]]) => [name, schema])),
    }
    const types = Object.entries(schemas).map(([type, schema]) => ({ type, ...(schema !== undefined && { schema }) }))
    document = await documentOf('shop', [{ service: 'shop', topics: [{ topic: 'shop.sold', kind: 'event', types }] }])
    const parsed = await parse(document)
    messages = new Map(
      parsed
        .channels()
        .get('shop.sold')!
        .messages()
        .all()
        .map((message) => [message.name()!, message]),
    )
  })

  it.each(Object.keys(referring))('that refers %s means the same there', (name) => {
    expect([ada, wrong].map((payload) => acceptedBy(document, partName(name), payload))).toEqual([true, false])
  })

  it.each(Object.keys(misleading))('that %s is left out', (name) => {
    expect(messages.get(name)!.hasPayload()).toBe(false)
  })

  it.each(Object.entries(plain))('that %s says so', (name, [, accepts]) => {
    expect(messages.get(name)!.hasPayload()).toBe(accepts !== undefined)
    if (accepts !== undefined) expect(acceptedBy(document, partName(name), { any: 1 })).toBe(accepts)
  })
})
