import * as v from 'valibot'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { decodeEvent, defineContract, defineEntity, defineEvent, defineTask, encodePayload } from './index.ts'

const crm = defineContract('crm', {
  customer: defineEntity({
    key: 'id',
    schema: z.object({ id: z.string(), email: z.email(), status: z.enum(['active', 'lost']).default('active') }),
  }),
})
const marketing = defineContract('marketing', {
  emailSent: defineEvent({ schema: z.object({ orderId: z.string() }), key: 'orderId' }),
  sendEmail: defineTask({ schema: v.object({ to: v.string() }) }),
  pageView2: defineEvent({ schema: z.object({ path: z.string() }) }),
})
const decode = (json: string) => decodeEvent(crm.customer.created, { data: new TextEncoder().encode(json) })
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

describe('defineContract()', () => {
  it('names topics and types after the service and the camelCase name', () => {
    expect(crm.customer.topic).toBe('crm.customer')
    expect(crm.customer.created.type).toBe('crm.customer.created')
    expect(crm.customer.deleted.topic).toBe('crm.customer')
    expect(marketing.emailSent.type).toBe('marketing.email-sent')
    expect(marketing.pageView2.topic).toBe('marketing.page-view2')
  })

  it('lists its topics with their types for the broker', () => {
    expect(marketing['~contract'].topics.map(({ topic, kind }) => [topic, kind])).toEqual([
      ['marketing.email-sent', 'event'],
      ['marketing.send-email', 'task'],
      ['marketing.page-view2', 'event'],
    ])
    expect(crm['~contract'].topics[0]?.types.map(({ type }) => type)).toEqual([
      'crm.customer.created',
      'crm.customer.updated',
      'crm.customer.deleted',
    ])
  })

  it('refuses a service name and a part name that cannot be a topic', () => {
    expect(() => defineContract('Crm', {})).toThrow(expect.objectContaining({ code: 'name-invalid' }))
    const customer = defineEvent({ schema: z.object({}) })
    expect(() => defineContract('crm', { 'my-customer': customer })).toThrow('camelCase')
  })

  it('takes the wire schema from the library where it knows it, or from the definition', () => {
    expect(crm.customer.created.jsonSchema).toMatchObject({ type: 'object', required: ['id', 'email'] })
    expect(crm.customer.deleted.jsonSchema).toEqual({
      type: 'object',
      properties: { id: { type: 'string' } },
      required: ['id'],
    })
    expect(marketing.sendEmail.jsonSchema).toBeUndefined()
    const explicit = defineTask({ schema: v.object({ to: v.string() }), jsonSchema: { type: 'object' } })
    expect(defineContract('a', { explicit }).explicit.jsonSchema).toEqual({ type: 'object' })
  })

  it('carries the types from schema to publisher and handler', () => {
    type Customer = { id: string; email: string; status: 'active' | 'lost' }
    const decodeCreated = () => decodeEvent(crm.customer.created, {})
    const decodeDeleted = () => decodeEvent(crm.customer.deleted, {})
    expectTypeOf(decodeCreated).returns.resolves.toEqualTypeOf<Customer>()
    expectTypeOf(decodeDeleted).returns.resolves.toEqualTypeOf<{ readonly id: string }>()
    expectTypeOf(crm.customer.created.type).toEqualTypeOf<'crm.customer.created'>()
    expectTypeOf(marketing.emailSent.type).toEqualTypeOf<'marketing.email-sent'>()
    expectTypeOf(marketing.pageView2.type).toEqualTypeOf<'marketing.page-view2'>()
    expectTypeOf(marketing.sendEmail.kind).toEqualTypeOf<'task'>()
    // @ts-expect-error a key must be a property that holds a text or a number
    defineEntity({ key: 'tags', schema: z.object({ id: z.string(), tags: z.array(z.string()) }) })
    // @ts-expect-error what a schema returns travels, and the consumer reads it with the same schema
    defineEvent({ schema: z.object({ at: z.string().transform((at) => new Date(at)) }) })
  })
})

describe('encodePayload()', () => {
  it('sends what the schema accepted: defaults filled in, what it does not know dropped', async () => {
    const payload = await encodePayload(crm.customer.created, { id: 'c1', email: 'a@b.example', password: 'secret' })
    expect(text(payload.data)).toBe('{"id":"c1","email":"a@b.example","status":"active"}')
    expect(payload).toMatchObject({ key: 'c1', datacontenttype: 'application/json' })
  })

  it('sends the key alone of what was deleted', async () => {
    const payload = await encodePayload(crm.customer.deleted, { id: 'c1', email: 'a@b.example' })
    expect(text(payload.data)).toBe('{"id":"c1"}')
    expect(payload.key).toBe('c1')
    await expect(encodePayload(crm.customer.deleted, {})).rejects.toMatchObject({ code: 'schema-violation' })
  })

  it('names the path and the rule of a refusal', async () => {
    const items = defineContract('shop', {
      cart: defineEvent({ schema: z.object({ items: z.array(z.object({ count: z.int().positive() })) }) }),
    })
    const refused = encodePayload(items.cart, { items: [{ count: 1 }, { count: -1 }] })
    await expect(refused).rejects.toMatchObject({
      code: 'schema-violation',
      message: 'shop.cart: items[1].count: Too small: expected number to be >0.',
    })
  })

  it('waits for a library that validates asynchronously', async () => {
    const schema = z.object({ id: z.string().refine(async (id) => id !== 'taken', 'is taken') })
    const { reserved } = defineContract('shop', { reserved: defineEvent({ schema }) })
    await expect(encodePayload(reserved, { id: 'taken' })).rejects.toThrow('shop.reserved: id: is taken.')
    await expect(encodePayload(reserved, { id: 'free' })).resolves.toMatchObject({
      datacontenttype: 'application/json',
    })
  })

  it('refuses what JSON would silently change', async () => {
    const { anything } = defineContract('shop', { anything: defineEvent({ schema: z.looseObject({}) }) })
    for (const value of [Number.NaN, new Date(0), new Map(), 1n, [undefined], { deep: [Infinity] }]) {
      await expect(encodePayload(anything, { value })).rejects.toMatchObject({ code: 'schema-violation' })
    }
    await expect(encodePayload(anything, { value: { deep: [Infinity] } })).rejects.toThrow('value.deep[0] is Infinity')
    expect(text((await encodePayload(anything, { left: undefined, right: null })).data)).toBe('{"right":null}')
  })

  it('refuses a key that no engine can carry', async () => {
    const refused = encodePayload(marketing.emailSent, { orderId: 'x'.repeat(513) })
    await expect(refused).rejects.toMatchObject({ code: 'key-invalid' })
  })
})

describe('decodeEvent()', () => {
  it('gives the handler what the schema makes of the payload', async () => {
    expect(await decode('{"id":"c1","email":"a@b.example","added":"by a newer publisher"}')).toEqual({
      id: 'c1',
      email: 'a@b.example',
      status: 'active',
    })
  })

  it('refuses what is not JSON, breaks the schema, or would be rounded', async () => {
    await expect(decode('{')).rejects.toMatchObject({ code: 'unreadable', cause: { code: 'schema-violation' } })
    await expect(decode('{"id":1}')).rejects.toThrow('crm.customer.created: id: ')
    const rounded = decode('{"id":"c1","email":"a@b.example","n":{"m":[9223372036854775807]}}')
    await expect(rounded).rejects.toThrow('n.m[0] is an integer beyond 2^53')
    await expect(decode('{"id":"9223372036854775807","email":"a@b.example"}')).resolves.toMatchObject({
      status: 'active',
    })
  })

  it('takes a double that is no integer of its text, whatever digits stand beside it', async () => {
    const large = defineContract('lab', { measured: defineEvent({ schema: z.object({ mean: z.number() }) }) })
    const read = (json: string) => decodeEvent(large.measured, { data: new TextEncoder().encode(json) })
    const digits = '"id":"9007199254740993","part":0.1234567890123456'
    expect(await read(`{"mean":1e300,${digits}}`)).toEqual({ mean: 1e300 })
    expect(await read('{"mean":1234567890123456.5e3}')).toEqual({ mean: 1234567890123456.5e3 })
    await expect(read(`{"mean":9007199254740993,${digits}}`)).rejects.toThrow('mean is an integer beyond 2^53')
  })
})
